//! The story: Monday 2 March to Sunday 8 March 2026.
//!
//! Most of it is ordinary work. Five keys were used by someone else as well, which makes 13 impossible legs at the
//! default thresholds (500 km, 1,000 km/h):
//!
//! | key | what happened | legs |
//! |---|---|---|
//! | `AKIAALICE0001EXAMPLE` | alice works in London; her key turns up in Tokyo ten minutes later | 4 |
//! | `ASIACAROL0005EXAMPLE` | carol's SSO session is used from a rented machine in Singapore, then through a VPN in Moscow | 4 |
//! | `AKIAERIN00001EXAMPLE` | erin's leaked key is used from a cloud in Ashburn, first in the very second of her own call | 2 |
//! | `AKIAHEIDI0001EXAMPLE` | heidi's key crosses the antimeridian, Auckland to Honolulu, faster than a plane | 1 |
//! | `ASIAWEB000007EXAMPLE` | a web server's credentials, read through it, are used in Lagos | 2 |
//!
//! Some of it only looks impossible: bob flies (New York, London, Toronto); dave goes from Suva to Apia, 1,151 km
//! across the antimeridian; frank's VPN moves him to Amsterdam, 357 km in five minutes; grace flies with IPv6
//! addresses; sign-ins that failed in Moscow, Lagos and Tokyo; a wrong signature with bob's key; services that act for
//! their callers; addresses that are private or in no database.

use super::record::Record;
use super::stage::Stage;

/// Every record of the week, once, in no order that matters.
pub fn records() -> Vec<Record> {
    let mut story = Stage::new(20_260_302);
    story.ordinary_days();
    story.machines();
    story.services();
    story.travelers();
    story.failed_sign_ins();
    story.stolen_key_of_alice();
    story.stolen_session_of_carol();
    story.leaked_key_of_erin();
    story.key_of_heidi_across_the_antimeridian();
    story.credentials_of_the_web_server();
    story.records
}
