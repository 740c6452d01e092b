//! A week of CloudTrail files of two accounts, as S3 delivers them.
//!
//! | module | what it holds |
//! |---|---|
//! | [`story`] | what happens, and which legs are impossible |
//! | [`days`], [`incidents`] | its two parts: ordinary days, and credentials in the wrong hands |
//! | [`cast`], [`calls`], [`places`] | the characters, their calls, places and times |
//! | [`stage`], [`record`] | how actions become CloudTrail records |
//! | [`delivery`] | how records get into files: late, twice, in the wrong order |

pub mod calls;
pub mod cast;
pub mod days;
pub mod delivery;
pub mod incidents;
pub mod places;
pub mod record;
pub mod stage;
pub mod story;

#[cfg(test)]
mod tests;
