//! Running this program under callgrind.

use crate::figures::Count;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The function of `main.rs` that encloses what is counted.
const MEASURED: &str = "travel_instructions::measured";

/// Why nothing can be counted here, or compared with the figures.
pub fn obstacle() -> Option<String> {
    if cfg!(not(target_arch = "x86_64")) {
        return Some(
            "the figures are those of x86-64 processors, and this is another architecture".to_owned(),
        );
    }
    // The C library and memchr choose functions by what the processor can do.
    #[cfg(target_arch = "x86_64")]
    if !(std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma")) {
        return Some(
            "the figures are those of processors with AVX2 and FMA, and this one lacks them".to_owned(),
        );
    }
    let valgrind = Command::new("valgrind").arg("--version").output();
    valgrind.is_err().then(|| "valgrind is not installed (apt-get install valgrind)".to_owned())
}

/// The compiler, on which the figures depend: its version and its target.
pub fn toolchain() -> Result<String, Box<dyn Error>> {
    let output = Command::new("rustc").args(["--version", "--verbose"]).output()?;
    let text = String::from_utf8(output.stdout)?;
    let version = text.lines().next().ok_or("rustc does not say its version")?;
    let host =
        text.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc does not name its host")?;
    Ok(format!("{version}, {host}"))
}

/// Counts the instructions of each case. The profiles are in `folder` then, one for each case.
pub fn counts(folder: &Path) -> Result<Vec<Count>, Box<dyn Error>> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--collect-atstart=no"])
        .args([format!("--toggle-collect={MEASURED}"), format!("--dump-after={MEASURED}")])
        .arg(format!("--callgrind-out-file={}", folder.join("profile").display()))
        .arg(std::env::current_exe()?)
        .arg("run")
        .env_clear()
        // All symbols are resolved before anything is counted.
        .env("LD_BIND_NOW", "1")
        .output()?;
    let (said, errors) = (String::from_utf8(output.stdout)?, String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        return Err(format!("valgrind failed: {errors}").into());
    }
    // The last profile is that of the rest of the process, where nothing is counted.
    fs::remove_file(folder.join("profile"))?;
    let mut counts = Vec::new();
    for (number, line) in said.lines().enumerate() {
        let mut words = line.splitn(3, ' ');
        let (Some(name), Some(operations), Some(what)) = (words.next(), words.next(), words.next()) else {
            return Err(format!("not a count: {line}").into());
        };
        let profile = folder.join(format!("profile.{}", number + 1));
        let named = folder.join(format!("{name}.profile"));
        let text = fs::read_to_string(&profile).map_err(|error| format!("{}: {error}", profile.display()))?;
        let total = total(&text).ok_or_else(|| format!("{} has no total", profile.display()))?;
        fs::rename(profile, named)?;
        let instructions = total as f64 / operations.parse::<f64>()?;
        counts.push(Count { name: name.to_owned(), what: what.to_owned(), instructions });
    }
    Ok(counts)
}

/// The number of instructions in a profile of callgrind.
fn total(profile: &str) -> Option<u64> {
    let totals = profile.lines().rev().find_map(|line| line.strip_prefix("totals: "));
    let total = totals
        .or_else(|| profile.lines().find_map(|line| line.strip_prefix("summary: ")))?
        .trim()
        .parse()
        .ok()?;
    (total > 0).then_some(total)
}
