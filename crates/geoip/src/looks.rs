//! When the processes of a server last looked at the files of a setting. Whoever looks notes it before he does, so
//! that a new generation never becomes valid for a statement of which a process may have chosen the one before.

use crate::copy::Directory;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// A look that was noted, and what was noted before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub at_us: i64,
    /// The last look of any process before this one; none where that is not known.
    pub before_us: Option<i64>,
}

/// The notes, locked: nobody can look while they are held.
pub(crate) struct Looks {
    file: File,
    last_us: Option<i64>,
}

impl Look {
    /// Notes a look of now.
    pub fn note(directory: &Directory, now_us: i64) -> io::Result<Self> {
        let looks = Looks::hold(directory)?;
        // Later than all before it, so that it can be told from them.
        let at_us = looks.last_us.map_or(now_us, |last| now_us.max(last.saturating_add(1)));
        looks.file.write_all_at(&at_us.to_le_bytes(), 0)?;
        Ok(Self { at_us, before_us: looks.last_us })
    }
}

impl Looks {
    pub fn hold(directory: &Directory) -> io::Result<Self> {
        let file = directory.looks_file()?;
        file.lock()?;
        let mut bytes = [0; 8];
        let last_us = match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => Some(i64::from_le_bytes(bytes)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
            Err(error) => return Err(error),
        };
        Ok(Self { file, last_us })
    }

    /// The last look of any process but this one's own.
    pub fn last_but(&self, own: Option<Look>) -> Option<i64> {
        match own {
            Some(own) if self.last_us == Some(own.at_us) => own.before_us,
            _ => self.last_us,
        }
    }
}
