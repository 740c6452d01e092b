//! Counts the instructions that the crates take for what runs per row, and compares them with committed figures.
//!
//! A time depends on the machine and on what else it does. The number of instructions does not: callgrind, a tool of
//! valgrind, counts the same from run to run, within a tenth of a percent. It depends on the compiler, so the figures
//! name theirs.
//!
//! ```text
//! travel-instructions check FIGURES FOLDER     compare; FOLDER gets the profiles
//! travel-instructions update FIGURES FOLDER    write new figures
//! travel-instructions run                      what the two run under valgrind
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`cases`] | what is measured |
//! | [`data`] | the events, addresses and records that it is measured with |
//! | [`callgrind`] | running this program under valgrind |
//! | [`figures`] | the file of the figures, and comparing with it |

#![forbid(unsafe_code)]

mod callgrind;
mod cases;
mod data;
mod figures;

use cases::Case;
use data::Data;
use figures::{Figures, Measured};
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

/// What scripts/test.sh reports as SKIPPED.
const CANNOT_RUN_HERE: u8 = 77;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        ["run"] => run(),
        ["check" | "update", _, _] if callgrind::obstacle().is_some() => {
            eprintln!("travel-instructions: {}", callgrind::obstacle().unwrap_or_default());
            Ok(ExitCode::from(CANNOT_RUN_HERE))
        }
        ["check", figures, folder] => check(Path::new(figures), Path::new(folder)),
        ["update", figures, folder] => update(Path::new(figures), Path::new(folder)),
        _ => Err("usage: travel-instructions check|update FIGURES FOLDER".into()),
    };
    result.unwrap_or_else(|error| {
        eprintln!("travel-instructions: {error}");
        ExitCode::FAILURE
    })
}

/// Runs each case once, and prints its name, how many operations it did, and what one is.
fn run() -> Result<ExitCode, Box<dyn Error>> {
    let data = Data::new()?;
    for Case { name, what, operations, mut body } in cases::all(&data)? {
        measured(&mut body);
        println!("{name} {operations} {what}");
    }
    Ok(ExitCode::SUCCESS)
}

/// callgrind counts while this function runs.
#[inline(never)]
fn measured(body: &mut dyn FnMut()) {
    body();
}

fn check(path: &Path, folder: &Path) -> Result<ExitCode, Box<dyn Error>> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let committed = Figures::read(&text)?;
    let measured = Measured { toolchain: callgrind::toolchain()?, counts: callgrind::counts(folder)? };
    let report = figures::compare(&committed, &measured, folder);
    print!("{}", report.text);
    Ok(if report.is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn update(path: &Path, folder: &Path) -> Result<ExitCode, Box<dyn Error>> {
    let measured = Measured { toolchain: callgrind::toolchain()?, counts: callgrind::counts(folder)? };
    let text = figures::write(&measured);
    std::fs::write(path, &text)?;
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}
