//! Errors in owners and privileges, and in the objects that a rule may use.

use crate::pg::identifier::literal;
use crate::pg::report::Report;
use pgrx::PgSqlErrorCode as Code;

const CHANGE_OWNER: &str = "Let the owner of the source own the rule, or another role that is not a superuser and may read \
                            the source: UPDATE travel.rules SET owner = ...";

errors! {
    /// A role may not do something, or a rule may not use an object.
    pub enum AccessError {
        RuleNotOwned { rule: String, owner: String, role: String } =>
            Report::error(Code::ERRCODE_INSUFFICIENT_PRIVILEGE, format!("permission denied for rule \"{rule}\""))
                .detail(format!(
                    "The rule runs with the privileges of role \"{owner}\", and role \"{role}\" is not a member of it."
                ))
                .hint("Ask a member of the owner to change the rule. A new owner must be a role of which you are a member."),

        SettingNotYours { rule: String, owner: String, role: String, column: String } =>
            Report::error(
                Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("permission denied to override column \"{column}\" of rule \"{rule}\""),
            )
            .detail(format!(
                "Its value becomes part of a query that runs with the privileges of role \"{owner}\", and role \"{role}\" \
                 is not a member of it."
            ))
            .hint(
                "Leave the column as it is, or ask a member of the rule's owner. Every role that may call the function can \
                 override the other columns.",
            ),

        OwnerNotFound { rule: String, owner: String } =>
            Report::error(
                Code::ERRCODE_UNDEFINED_OBJECT,
                format!("owner \"{owner}\" of rule \"{rule}\" does not exist"),
            )
            .hint("Set another owner: UPDATE travel.rules SET owner = ... . The rule runs with the privileges of that role."),

        SourceTemporary { rule: String, source: String } =>
            Report::error(Code::ERRCODE_WRONG_OBJECT_TYPE, format!("source \"{source}\" of rule \"{rule}\" is temporary"))
                .detail("A temporary table or view ends with its session, and another session can create one of that name.")
                .hint("Create a permanent table or view, and set the rule's source to its name, with the schema."),

        /// `was` is the owner when the rule was written, if the source existed then.
        SourceOwnerChanged { rule: String, source: String, was: Option<String>, is: String } =>
            Report::error(
                Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("source \"{source}\" of rule \"{rule}\" has a new owner"),
            )
            .detail(match was {
                Some(was) => format!("The owner was \"{was}\" when the rule was written, and is \"{is}\" now."),
                None => format!("The source did not exist when the rule was written, and its owner is \"{is}\" now."),
            })
            .hint(format!(
                "The functions of a view run with the privileges of the rule's owner. If you trust role \"{is}\" with these \
                 and are a member of the rule's owner, run SELECT travel.confirm_source({}).",
                literal(&rule)
            )),

        SourceNotTrusted { rule: String, owner: String, object: String, object_owner: String } =>
            Report::error(
                Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("rule \"{rule}\" would give superuser privileges to role \"{object_owner}\""),
            )
            .detail(format!(
                "The rule runs with the privileges of \"{owner}\", a superuser, and uses an object of \"{object_owner}\": \
                 {object}."
            ))
            .hint(CHANGE_OWNER),

        FunctionNotTrusted { function: String, owner: String, role: String } =>
            Report::error(
                Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("function {function} must not run with superuser privileges"),
            )
            .detail(format!(
                "A rule with the privileges of \"{role}\", a superuser, calls the function, directly or in the body of \
                 another function. The owner of the function is \"{owner}\"."
            ))
            .hint(CHANGE_OWNER),

        FunctionTemporary { function: String } =>
            Report::error(Code::ERRCODE_WRONG_OBJECT_TYPE, format!("rule must not call temporary function {function}"))
                .hint("Create a permanent function, and name it with its schema in the rule."),

        ObjectTemporary { rule: String, object: String } =>
            Report::error(Code::ERRCODE_WRONG_OBJECT_TYPE, format!("rule \"{rule}\" must not use a temporary object"))
                .detail(format!(
                    "The rule uses {object}. It ends with its session, and another session can create one of that name."
                ))
                .hint("Create a permanent object, and name it with its schema in the rule."),

        LevelNotFound { level: String } =>
            Report::error(Code::ERRCODE_INVALID_PARAMETER_VALUE, format!("unrecognized level: \"{level}\""))
                .hint("Use read, triage or admin. Each level includes the ones before it."),

        RoleNotFound { role: String } =>
            Report::error(Code::ERRCODE_UNDEFINED_OBJECT, format!("role \"{role}\" does not exist"))
                .hint("Pass the name as pg_roles shows it, without quotes: travel.grant_to('analysts', 'triage')."),
    }
}
