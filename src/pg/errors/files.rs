//! Errors in files that are loaded.

use crate::pg::report::Report;
use pgrx::PgSqlErrorCode as Code;
use std::io::ErrorKind;

errors! {
    /// An error in `travel.load_files`.
    pub enum FilesError {
        NotPermitted { role: String } =>
            Report::error(Code::ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied to load files of the server")
                .detail(format!("Role {role} is not a member of pg_read_server_files."))
                .hint(format!(
                    "Ask a superuser to run GRANT pg_read_server_files TO {role}. Without this privilege, load the files from \
                     a client: insert them into the inbox of the table, or call travel.ingest."
                )),

        RelativePath { path: String } =>
            Report::error(Code::ERRCODE_INVALID_NAME, format!("path is not absolute: \"{path}\""))
                .hint("Write the whole path of the file or folder on the server, for example /srv/cloudtrail/AWSLogs."),

        Unreadable { path: String, kind: ErrorKind, why: String } =>
            Report::error(
                match kind {
                    ErrorKind::NotFound => Code::ERRCODE_UNDEFINED_FILE,
                    ErrorKind::PermissionDenied => Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
                    _ => Code::ERRCODE_IO_ERROR,
                },
                format!("could not open \"{path}\": {why}"),
            )
            .hint(
                "The server reads the path on its own machine and as its own user, usually postgres. That user must be \
                 allowed to read the files and to enter all folders above them.",
            ),

        NotAFile { path: String, why: String } =>
            Report::error(Code::ERRCODE_WRONG_OBJECT_TYPE, format!("\"{path}\" is not a file or a folder: {why}"))
                .hint("Name a folder that contains CloudTrail files, or one such file."),

        NotAList { name: String, column: &'static str } =>
            Report::error(Code::ERRCODE_WRONG_OBJECT_TYPE, format!("\"{name}\" is not a list of loaded files"))
                .detail(format!("The list of an events table has its name and _files. This table has no column \"{column}\"."))
                .hint("Rename the table, and call travel.load_files again, which then creates the list."),

        ListOfAnother { list: String, owner: String, of_table: String } =>
            Report::error(
                Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("list of loaded files \"{list}\" belongs to another role"),
            )
            .detail(format!(
                "Role {owner} owns it, so triggers and defaults of that role would run with your privileges."
            ))
            .hint(format!(
                "If you trust the table and its triggers, run ALTER TABLE {list} OWNER TO {of_table}. Otherwise drop or \
                 rename it, and call travel.load_files again, which then creates the list."
            )),

        /// This is sent as a warning, because the other files are loaded.
        NotLoaded { path: String, why: String } =>
            Report::error(Code::ERRCODE_DATA_EXCEPTION, format!("could not load file \"{path}\": {why}"))
                .hint("No record of the file was loaded. The next call of travel.load_files tries it again."),

        WorkerLost =>
            Report::error(Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "a worker process of travel.load_files ended")
                .detail("The files whose loading was committed stay loaded.")
                .hint(
                    "Look at the server log for the reason, and call travel.load_files again. It continues with the files that \
                     are not loaded.",
                ),

        /// The code is that of an error that every other file would raise, too.
        Stopped { path: String, code: Code, message: String } =>
            Report::error(code, message)
                .detail(format!(
                    "The file \"{path}\" was being loaded. The files whose loading was committed stay loaded."
                ))
                .hint(
                    "Correct the cause, and call travel.load_files again. It continues with the files that are not loaded.",
                ),
    }
}
