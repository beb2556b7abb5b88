//! `run`: makes a plan from the options, rows from the plan, files from the rows.

use crate::machine;
use anyhow::{Context, Result, bail};
use clap::Args;
use nuthatch_bench::contestants::{self, CONTESTANTS};
use nuthatch_bench::rounds::Plan;
use nuthatch_bench::row::Report;
use nuthatch_bench::scenarios::{self, SCENARIOS, Size};
use nuthatch_bench::servers::Kind;
use nuthatch_bench::workloads::{self, WORKLOADS};
use nuthatch_bench::{picture, pin, table};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// After these times `--quick` begins no other workload and no other scenario.
const QUICK_ROWS: Duration = Duration::from_secs(70);
const QUICK_SCENARIOS: Duration = Duration::from_secs(95);

/// The options of a run.
#[derive(Args)]
pub struct Options {
    /// A first impression within two minutes: one short round, pinned, null servers, small scenarios.
    #[arg(long)]
    quick: bool,
    /// Interleaved rounds; ratios need at least five.
    #[arg(long)]
    rounds: Option<usize>,
    /// Names from the table of workloads; "none" for none.
    #[arg(long, value_delimiter = ',')]
    workloads: Vec<String>,
    /// Names from the table of contestants.
    #[arg(long, value_delimiter = ',')]
    contestants: Vec<String>,
    /// Servers behind the contestants.
    #[arg(long, value_delimiter = ',', value_enum)]
    backends: Vec<Kind>,
    /// The proxy on a core of its own, or all cores chosen by the kernel.
    #[arg(long, value_delimiter = ',', value_parser = ["pinned", "unpinned"])]
    settings: Vec<String>,
    /// Names from the table of scenarios; "none" for none.
    #[arg(long, value_delimiter = ',')]
    scenarios: Vec<String>,
    /// Length of a measured window.
    #[arg(long)]
    ms: Option<u64>,
    /// The JSON file; table and picture are written beside it.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub fn run(options: &Options) -> Result<()> {
    pin::raise_fd_limit();
    let begun = Instant::now();
    let plan = options.plan()?;
    let scenario_names = options.scenario_names()?;
    let size = if options.quick { Size::QUICK } else { Size::FULL };
    let size = Size {
        rounds: options.rounds.unwrap_or(size.rounds),
        until: options.quick.then(|| begun + QUICK_SCENARIOS),
        ..size
    };
    println!("About {} min for the rows, more for the scenarios.", plan.seconds().div_ceil(60));
    let mut report = Report {
        date: machine::date(),
        machine: machine::describe(),
        options: options.describe(&plan),
        ..Report::default()
    };
    plan.run(|row| {
        println!("{}", table::progress(&row));
        report.rows.push(row);
    })?;
    report.figures = scenarios::run(&scenario_names, size, &plan.contestants, |figure| {
        let value = figure.value.map_or("not measured".to_owned(), |value| format!("{value:.2}"));
        println!(
            "{:16} {:48} {value} {} {}",
            figure.contestant, figure.what, figure.unit, figure.note
        );
    })?;
    let text = table::report(&report);
    println!("\n{text}\n{}", table::legend());
    if let Some(folder) = options.out.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&options.out, serde_json::to_string_pretty(&report)?)
        .with_context(|| format!("cannot write {}", options.out.display()))?;
    fs::write(options.out.with_extension("md"), text)?;
    if let Some(svg) = picture::svg(&report) {
        fs::write(options.out.with_extension("svg"), svg)?;
    }
    println!("\n{} s; written: {}", begun.elapsed().as_secs(), options.out.display());
    Ok(())
}

impl Options {
    fn plan(&self) -> Result<Plan> {
        let workloads = match self.workloads.as_slice() {
            [] => WORKLOADS.iter().collect(),
            [none] if none == "none" => Vec::new(),
            names => {
                let of = |name: &String| {
                    workloads::by_name(name)
                        .with_context(|| format!("no workload is called {name}"))
                };
                names.iter().map(of).collect::<Result<_>>()?
            }
        };
        let contestants = match self.contestants.as_slice() {
            [] => CONTESTANTS.iter().collect(),
            names => contestants::named(names.iter().map(String::as_str))?,
        };
        let kinds = match self.backends.as_slice() {
            [] if self.quick => vec![Kind::Null],
            [] => vec![Kind::Null, Kind::Real],
            kinds => kinds.to_vec(),
        };
        let settings = match self.settings.as_slice() {
            [] if self.quick => vec![true],
            [] => vec![true, false],
            names => names.iter().map(|name| name == "pinned").collect(),
        };
        Ok(Plan {
            kinds,
            settings,
            workloads,
            contestants,
            rounds: self.rounds.unwrap_or(if self.quick { 1 } else { 5 }),
            warm_ms: if self.quick { 100 } else { 300 },
            ms: self.ms.unwrap_or(if self.quick { 400 } else { 2000 }),
            tries: if self.quick { 1 } else { 3 },
            counts_syscalls: !self.quick,
            until: self.quick.then(|| Instant::now() + QUICK_ROWS),
        })
    }

    fn scenario_names(&self) -> Result<Vec<String>> {
        let known = |name: &String| SCENARIOS.iter().any(|scenario| scenario.name == name);
        match self.scenarios.as_slice() {
            [] => Ok(SCENARIOS.iter().map(|scenario| scenario.name.to_owned()).collect()),
            [none] if none == "none" => Ok(Vec::new()),
            names => match names.iter().find(|name| !known(name)) {
                Some(name) => bail!("no scenario is called {name}"),
                None => Ok(names.to_vec()),
            },
        }
    }

    fn describe(&self, plan: &Plan) -> String {
        let quick = if self.quick { ", quick: an impression, not a result" } else { "" };
        format!("{} rounds of {} ms a row{quick}", plan.rounds, plan.ms)
    }
}
