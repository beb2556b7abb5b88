//! Makes lines from rounds: medians, and ratios to the base within each round with their spread.

use crate::contestants::BASE;
use crate::row::Row;

/// One contestant in one race. A race is one workload under the same conditions.
pub struct Line<'a> {
    /// One of its rows, for the names.
    pub like: &'a Row,
    /// Its good rounds.
    pub rows: Vec<&'a Row>,
    /// Why a round failed.
    pub failed: Option<&'a str>,
    /// CPU a request divided by the base's in the same round.
    pub cpu_ratio: Option<Spread>,
    pub rate_ratio: Option<Spread>,
    /// The servers' CPU a request.
    pub servers_ratio: Option<Spread>,
}

/// A median and the values around it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
    /// The bounds of the middle half.
    pub quartiles: (f64, f64),
}

impl Spread {
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        let quarter = values.len() / 4;
        let quartiles = (values[quarter], values[values.len() - 1 - quarter]);
        Some(Spread { median, least, most, quartiles })
    }
}

/// Only the median; NaN if there are no values.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    Spread::of(values).map_or(f64::NAN, |spread| spread.median)
}

impl Line<'_> {
    /// The median of something over the rounds.
    pub fn median(&self, of: impl Fn(&Row) -> f64) -> f64 {
        median(self.rows.iter().map(|row| of(row)))
    }

    pub fn syscalls(&self) -> Option<f64> {
        Spread::of(self.rows.iter().filter_map(|row| row.syscalls)).map(|spread| spread.median)
    }
}

/// Races in the order of the rows. In each race the contestants have the order of the rows.
pub fn races(rows: &[Row]) -> Vec<Vec<Line<'_>>> {
    let mut races: Vec<Vec<Line<'_>>> = Vec::new();
    for row in rows {
        let known = races.iter().position(|race| race[0].like.is_same_race(row));
        let race = known.unwrap_or_else(|| {
            races.push(Vec::new());
            races.len() - 1
        });
        let race = &mut races[race];
        let at = race.iter().position(|line| line.like.is_alike(row)).unwrap_or_else(|| {
            let (rows, failed) = (Vec::new(), None);
            let (cpu_ratio, rate_ratio, servers_ratio) = (None, None, None);
            race.push(Line { like: row, rows, failed, cpu_ratio, rate_ratio, servers_ratio });
            race.len() - 1
        });
        match &row.failed {
            Some(why) => race[at].failed = Some(why),
            None => race[at].rows.push(row),
        }
    }
    for race in &mut races {
        let base: Vec<&Row> = race
            .iter()
            .find(|line| line.like.contestant == BASE)
            .map_or(Vec::new(), |line| line.rows.clone());
        for line in race {
            line.cpu_ratio = ratio(&line.rows, &base, Row::cpu_us);
            line.rate_ratio = ratio(&line.rows, &base, |row| row.per_second);
            line.servers_ratio = ratio(&line.rows, &base, |row| row.cpu.servers_us);
        }
    }
    races
}

fn ratio(rows: &[&Row], base: &[&Row], of: impl Fn(&Row) -> f64) -> Option<Spread> {
    Spread::of(rows.iter().filter_map(|row| {
        let other = base.iter().find(|other| other.round == row.round)?;
        (of(row) > 0.0).then(|| of(row) / of(other))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Cpu;

    fn row(contestant: &str, round: usize, user_us: f64) -> Row {
        let cpu = Cpu { user_us, ..Cpu::default() };
        Row { contestant: contestant.into(), round, cpu, ..Row::default() }
    }

    #[test]
    fn the_middle_half_lies_in_the_middle() {
        let spread = Spread::of((1..=8).map(f64::from)).unwrap();
        assert_eq!((spread.median, spread.quartiles), (4.5, (3.0, 6.0)));
        assert_eq!(Spread::of([3.0]).unwrap().quartiles, (3.0, 3.0));
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let rows = [
            row("nuthatch", 0, 4.0),
            row(BASE, 0, 8.0),
            row("nuthatch", 1, 12.0),
            row(BASE, 1, 16.0),
            row("nuthatch", 2, 6.0),
            Row { failed: Some("gone".into()), ..row(BASE, 2, 0.0) },
        ];
        let races = races(&rows);
        assert_eq!(races.len(), 1);
        let ratio = races[0][0].cpu_ratio.unwrap();
        assert_eq!((ratio.median, ratio.least, ratio.most), (0.625, 0.5, 0.75));
        assert!((races[0][0].median(Row::cpu_us) - 6.0).abs() < 1e-9);
        assert_eq!(races[0][1].failed, Some("gone"));
    }
}
