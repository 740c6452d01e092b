//! Tests of which callers may use the files. tests/regress/sql/own_passes.sql tests it with the queries of
//! `travel.detect`, in which the text of the query refuses most callers before anything else does.

use pgrx::prelude::*;

#[pg_schema]
mod tests {
    use crate::pg::role::acting_as;
    use crate::pg::shared_files::{OwnFiles, SharedFiles};
    use pgrx::prelude::*;
    use std::ffi::CStr;

    const WRITER: &CStr = c"SELECT write";
    const READER: &CStr = c"SELECT read";

    fn files() -> OwnFiles {
        OwnFiles::create(4).unwrap()
    }

    fn within<R>(files: &OwnFiles, body: impl FnOnce() -> R) -> R {
        files.within(WRITER.to_str().unwrap(), body)
    }

    /// The number of the files that a query with this text may write.
    fn writable(query: &CStr) -> Option<u64> {
        SharedFiles::to_write(Some(query), SharedFiles::number)
    }

    fn readable(query: &CStr) -> Option<u64> {
        SharedFiles::to_read(Some(query), SharedFiles::number)
    }

    #[pg_test]
    fn only_the_role_that_made_the_files_may_use_them() {
        Spi::run("CREATE ROLE another").unwrap();
        let another = Spi::get_one::<pg_sys::Oid>("SELECT oid FROM pg_roles WHERE rolname = 'another'");
        let another = another.unwrap().unwrap();
        let files = files();
        within(&files, || {
            let number = writable(WRITER).unwrap();
            acting_as(another, || {
                assert_eq!(writable(WRITER), None);
                assert_eq!(SharedFiles::with_number(number, |_| ()), None);
            });
            files.complete(READER.to_str().unwrap());
            assert_eq!(readable(READER), Some(number));
            acting_as(another, || assert_eq!(readable(READER), None));
        });
    }

    #[pg_test]
    fn files_are_written_until_they_are_complete_and_then_read() {
        let files = files();
        assert_eq!(writable(WRITER), None, "the pass has not begun");
        within(&files, || {
            let number = writable(WRITER).unwrap();
            assert_eq!((writable(READER), readable(WRITER), readable(READER)), (None, None, None));
            files.complete(READER.to_str().unwrap());
            assert_eq!((writable(WRITER), writable(READER), readable(WRITER)), (None, None, None));
            assert_eq!(readable(READER), Some(number));
            assert_eq!(SharedFiles::with_number(number, |_| ()), None);
        });
        assert_eq!(readable(READER), None, "the pass is over");
    }

    #[pg_test]
    fn a_pass_within_another_has_files_of_its_own() {
        let (outer, inner) = (files(), files());
        within(&outer, || {
            let number = writable(WRITER).unwrap();
            within(&inner, || {
                assert_ne!(writable(WRITER), Some(number));
                assert_eq!(SharedFiles::with_number(number, |_| ()), None);
            });
            assert_eq!(writable(WRITER), Some(number));
        });
    }

    #[pg_test]
    fn a_process_has_one_writer_of_a_pass() {
        let next_writer = || SharedFiles::to_write(Some(WRITER), SharedFiles::next_writer).flatten();
        let (outer, inner) = (files(), files());
        within(&outer, || {
            assert_eq!((next_writer(), next_writer()), (Some(0), None));
            within(&inner, || assert_eq!((next_writer(), next_writer()), (Some(0), None)));
            assert_eq!(next_writer(), None);
        });
    }
}
