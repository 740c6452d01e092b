//! Values as words of a POSIX shell.

use crate::hidden::is_hidden;

/// Writes a value as one word: within single quotes, in which a shell interprets nothing. A single quote in the value
/// ends the quotes, stands escaped, and begins them again. `None` if the value has a hidden character: a terminal into
/// which the word is pasted could act on it, whatever its quotes, and nobody who reviews the command would see it.
pub fn word(value: &str) -> Option<String> {
    (!value.contains(is_hidden)).then(|| format!("'{}'", value.replace('\'', r"'\''")))
}

/// The prefixes with which the AWS CLI reads the value of an option from a file or a URL instead.
const REFERENCES: [&str; 4] = ["file://", "fileb://", "http://", "https://"];

/// An option of the AWS CLI with its value. The value follows an equals sign, so one that begins with a dash is not
/// taken for an option. `None` if the value is not a [`word`], or the AWS CLI would read it from a file or a URL.
pub fn option(name: &str, value: &str) -> Option<String> {
    let is_reference = REFERENCES.iter().any(|prefix| value.starts_with(prefix));
    word(value).filter(|_| !is_reference).map(|word| format!("--{name}={word}"))
}

/// Returns whether a value can stand in a comment as it is: it has only characters that AWS uses in names and IDs.
pub fn is_plain(value: &str) -> bool {
    !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || "+=,.@_:/-".contains(c))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    /// Runs a script with `sh`, in which the command `aws` prints its arguments, each after its length in bytes.
    /// Returns the calls of `aws`, each as its arguments. A call whose second argument is `$FAILS` fails.
    pub fn calls_of_aws(script: &str) -> Vec<Vec<String>> {
        const STUB: &str = "aws() { printf 'CALL %s\\n' \"$#\" >&2; for a in \"$@\"; do printf '%s:%s\\n' \
            \"$(printf %s \"$a\" | wc -c | tr -d ' ')\" \"$a\" >&2; done; if [ -n \"$FAILS\" ] && [ \"$2\" = \"$FAILS\" ]; then return 1; fi; echo answer; }\n\
            date() { echo 2026-03-05T15:00:00Z; }\n";
        let output = Command::new("sh").arg("-c").arg(format!("{STUB}{script}")).output().unwrap();
        assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8(output.stderr).unwrap();
        let (mut rest, mut calls) = (printed.as_str(), Vec::new());
        while let Some((count, after)) = rest.strip_prefix("CALL ").and_then(|call| call.split_once('\n')) {
            rest = after;
            let mut arguments = Vec::new();
            for _ in 0..count.parse::<usize>().unwrap() {
                let (length, after) = rest.split_once(':').unwrap();
                let (argument, after) = after.split_at(length.parse().unwrap());
                arguments.push(argument.to_owned());
                rest = after.strip_prefix('\n').unwrap();
            }
            calls.push(arguments);
        }
        assert_eq!(rest, "", "{script}");
        calls
    }

    /// Names that would do harm in a shell that interprets them.
    pub const HOSTILE: [&str; 11] = [
        "o'brien",
        "\"quoted\"",
        "$(touch /tmp/x)",
        "`id`",
        "-rf",
        "--profile=other",
        "a; aws iam delete-user",
        "\\'\\",
        "日本語 名前",
        "a|b>c&d",
        "' ; aws s3 ls ; '",
    ];

    /// Names with characters on which a terminal acts, or that hide what a command does.
    pub const HIDDEN: [&str; 8] = [
        "a\nrm -rf ~",
        "a\rid\r",
        "\u{1b}[201~\u{3}id",
        "a\tb",
        "a\0b",
        "\u{9b}2J",
        "abc\u{202e}fed",
        "a\u{200b}b",
    ];

    #[test]
    #[cfg_attr(miri, ignore = "runs sh")]
    fn a_word_reaches_the_command_as_it_is() {
        for value in HOSTILE {
            let option = option("user-name", value).unwrap();
            assert_eq!(calls_of_aws(&format!("aws {option}\n")), [[format!("--user-name={value}")]]);
        }
    }

    #[test]
    fn a_value_that_the_cli_would_read_from_a_file_is_no_option() {
        assert_eq!(option("user-name", "file:///etc/passwd"), None);
        assert_eq!(option("user-name", "https://example.com"), None);
        assert!(option("user-name", "profile://x").is_some());
    }

    #[test]
    fn a_value_with_a_hidden_character_is_no_word() {
        for value in HIDDEN {
            assert_eq!((word(value), option("user-name", value)), (None, None), "{value:?}");
        }
    }

    #[test]
    fn only_plain_values_stand_in_comments() {
        assert!(is_plain("arn:aws:iam::111122223333:user/ops/carol@example.com"));
        for value in HOSTILE.iter().chain(&HIDDEN).chain(&[""]).filter(|value| !value.starts_with('-')) {
            assert!(!is_plain(value), "{value}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        #[cfg_attr(miri, ignore = "runs sh")]
        fn any_text_that_can_be_seen_is_one_word(value in "[^\0]{0,40}") {
            match word(&value) {
                Some(word) => prop_assert_eq!(calls_of_aws(&format!("aws {word}\n")), [[value]]),
                None => prop_assert!(value.contains(is_hidden)),
            }
        }
    }
}
