//! The file of the figures, and comparing what was measured with it.

use std::fmt::Write;
use std::path::Path;

/// The largest difference that is accepted, in percent of the figure.
const TOLERANCE: f64 = 5.0;

/// How many instructions one operation of a case takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Count {
    pub name: String,
    /// What one operation is.
    pub what: String,
    pub instructions: f64,
}

/// What was measured, with the compiler that made it.
pub struct Measured {
    pub toolchain: String,
    pub counts: Vec<Count>,
}

/// The committed figures, with the compiler that made them.
#[derive(Debug, PartialEq)]
pub struct Figures {
    toolchain: String,
    counts: Vec<Count>,
}

pub struct Report {
    pub text: String,
    pub is_good: bool,
}

const HEAD: &str = "\
# Instructions per operation, counted by callgrind. `make instructions` compares the code with these figures, and
# `make instructions-update` writes them. They hold for one compiler, with the release profile of Cargo.toml.
";

/// Writes figures as a file.
pub fn write(measured: &Measured) -> String {
    let mut text = format!("{HEAD}toolchain: {}\n", measured.toolchain);
    for Count { name, what, instructions } in &measured.counts {
        let _ = writeln!(text, "{name:<16} {instructions:>10.1}  {what}");
    }
    text
}

impl Figures {
    pub fn read(text: &str) -> Result<Self, String> {
        let mut figures = Self { toolchain: String::new(), counts: Vec::new() };
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some(toolchain) = line.strip_prefix("toolchain: ") {
                figures.toolchain = toolchain.to_owned();
                continue;
            }
            let mut words = line.split_whitespace();
            let count = words.next().zip(words.next().and_then(|word| word.parse().ok()));
            let (name, instructions) = count.ok_or_else(|| format!("not a figure: {line}"))?;
            let what = words.collect::<Vec<_>>().join(" ");
            figures.counts.push(Count { name: name.to_owned(), what, instructions });
        }
        Ok(figures)
    }

    fn of(&self, name: &str) -> Option<f64> {
        self.counts.iter().find(|count| count.name == name).map(|count| count.instructions)
    }
}

/// Compares in both directions: a figure that is too high would hide the next function that becomes slower.
pub fn compare(committed: &Figures, measured: &Measured, profiles: &Path) -> Report {
    let mut text = String::new();
    let mut off = Vec::new();
    let _ = writeln!(text, "   {:<16} {:>10} {:>10}", "instructions", "committed", "now");
    for Count { name, instructions: now, .. } in &measured.counts {
        let Some(before) = committed.of(name) else {
            let _ = writeln!(text, "   {name:<16} {:>10} {now:>10.1}", "none");
            off.push(format!("{name} has no committed figure."));
            continue;
        };
        let percent = (now / before - 1.0) * 100.0;
        let is_off = percent.abs() > TOLERANCE;
        let mark = if is_off { "  <<<" } else { "" };
        let _ = writeln!(text, "   {name:<16} {before:>10.1} {now:>10.1} {percent:>+7.1} %{mark}");
        if is_off {
            let (percent, direction) = (percent.abs(), if percent > 0.0 { "more" } else { "fewer" });
            off.push(format!(
                "{name} took {before:.1} instructions and now takes {now:.1}, {percent:.1} % {direction}. \
                 To see where: callgrind_annotate {}/{name}.profile",
                profiles.display()
            ));
        }
    }
    for Count { name, .. } in &committed.counts {
        if !measured.counts.iter().any(|count| count.name == *name) {
            off.push(format!("{name} has a committed figure and is not measured."));
        }
    }
    let is_other_toolchain = committed.toolchain != measured.toolchain;
    if is_other_toolchain {
        let _ = writeln!(
            text,
            "The figures were made by {}, but this is {}: install that toolchain, or, if the project moves to this one, \
             run make instructions-update.",
            committed.toolchain, measured.toolchain
        );
    }
    off.iter().for_each(|line| {
        let _ = writeln!(text, "{line}");
    });
    if !off.is_empty() {
        let _ = writeln!(
            text,
            "At most {TOLERANCE} % are accepted in either direction. If a change made something slower by mistake, correct \
             it. If the new figures are wanted, run make instructions-update, and commit bench/instructions.txt with the \
             change."
        );
    }
    Report { text, is_good: off.is_empty() && !is_other_toolchain }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(toolchain: &str, counts: &[(&str, f64)]) -> Measured {
        let count = |&(name, instructions): &(&str, f64)| Count {
            name: name.to_owned(),
            what: "what it is".to_owned(),
            instructions,
        };
        Measured { toolchain: toolchain.to_owned(), counts: counts.iter().map(count).collect() }
    }

    fn report(before: &[(&str, f64)], now: &[(&str, f64)]) -> Report {
        let committed = Figures::read(&write(&measured("rustc 1", before))).unwrap();
        compare(&committed, &measured("rustc 1", now), Path::new("profiles"))
    }

    #[test]
    fn what_is_written_is_read() {
        let text = write(&measured("rustc 1.0 (a b), host", &[("leg", 100.25), ("rule", 3.0)]));
        let figures = Figures::read(&text).unwrap();
        assert_eq!(figures.toolchain, "rustc 1.0 (a b), host");
        assert_eq!((figures.of("leg"), figures.of("rule"), figures.of("x")), (Some(100.2), Some(3.0), None));
    }

    #[test]
    fn a_difference_of_up_to_five_percent_is_accepted() {
        assert!(report(&[("leg", 100.0)], &[("leg", 104.9)]).is_good);
        assert!(report(&[("leg", 100.0)], &[("leg", 95.1)]).is_good);
    }

    #[test]
    fn a_larger_difference_is_not_accepted_in_either_direction() {
        let slower = report(&[("leg", 100.0), ("rule", 7.0)], &[("leg", 110.0), ("rule", 7.0)]);
        assert!(!slower.is_good);
        assert!(
            slower.text.contains("leg took 100.0 instructions and now takes 110.0, 10.0 % more."),
            "{}",
            slower.text
        );
        assert!(slower.text.contains("make instructions-update"));
        assert!(!slower.text.contains("rule took"));
        let faster = report(&[("leg", 100.0)], &[("leg", 90.0)]);
        assert!(!faster.is_good && faster.text.contains("10.0 % fewer"), "{}", faster.text);
    }

    #[test]
    fn a_case_without_a_figure_or_a_figure_without_a_case_is_not_accepted() {
        assert!(!report(&[("leg", 100.0)], &[("leg", 100.0), ("new", 1.0)]).is_good);
        assert!(!report(&[("leg", 100.0), ("old", 1.0)], &[("leg", 100.0)]).is_good);
    }

    #[test]
    fn another_compiler_is_named_and_not_accepted() {
        let committed = Figures::read(&write(&measured("rustc 1", &[("leg", 1.0)]))).unwrap();
        let report = compare(&committed, &measured("rustc 2", &[("leg", 1.0)]), Path::new("profiles"));
        assert!(!report.is_good);
        assert!(report.text.contains("made by rustc 1, but this is rustc 2"), "{}", report.text);
    }
}
