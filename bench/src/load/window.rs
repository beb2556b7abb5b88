//! The measured window: the CPU that each process used in it.

use crate::proc::{self, Cpu, Machine, Thread};
use serde::{Deserialize, Serialize};

/// CPU seconds in the window.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct Window {
    pub watched: Vec<Watched>,
    /// The load itself.
    pub load: Cpu,
    pub machine: Machine,
}

#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub struct Watched {
    pub pid: u32,
    pub cpu: Cpu,
    pub threads: Vec<Thread>,
}

impl Window {
    /// CPU so far, since each process began. A process that is gone counts as zero.
    pub fn look(watch: &[u32]) -> Window {
        let look_at = |&pid: &u32| Watched {
            pid,
            cpu: proc::cpu(pid).unwrap_or_default(),
            threads: proc::threads(pid).unwrap_or_default(),
        };
        Window {
            watched: watch.iter().map(look_at).collect(),
            load: proc::cpu(std::process::id()).unwrap_or_default(),
            machine: proc::machine().unwrap_or_default(),
        }
    }

    #[must_use]
    pub fn since(&self, earlier: &Window) -> Window {
        let watched = self.watched.iter().zip(&earlier.watched).map(|(now, then)| {
            let threads = now.threads.iter().map(|thread| {
                let before = then.threads.iter().find(|other| other.id == thread.id);
                let before = before.map_or(Cpu::default(), |other| other.cpu);
                Thread { cpu: thread.cpu.since(before), ..thread.clone() }
            });
            Watched { pid: now.pid, cpu: now.cpu.since(then.cpu), threads: threads.collect() }
        });
        Window {
            watched: watched.collect(),
            load: self.load.since(earlier.load),
            machine: Machine {
                busy: self.machine.busy - earlier.machine.busy,
                stolen: self.machine.stolen - earlier.machine.stolen,
            },
        }
    }
}
