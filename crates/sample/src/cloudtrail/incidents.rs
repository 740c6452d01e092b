//! The incidents of the story, in which someone else uses a credential or tries to.

use super::calls::*;
use super::cast::*;
use super::places::*;
use super::stage::Stage;
use crate::time::march;

impl Stage {
    /// Those who know a name, or the id of a key, but no secret.
    pub fn failed_sign_ins(&mut self) {
        for (day, hour, minute, from) in [
            (MONDAY, 9, 41, MOSCOW),
            (TUESDAY, 10, 3, LAGOS),
            (TUESDAY, 10, 4, LAGOS),
            (THURSDAY, 9, 30, TOKYO),
            (FRIDAY, 14, 12, MOSCOW),
        ] {
            self.sign_in(&alice(), march(day, hour, minute, 7), from, false);
        }
        for second in [0, 4, 9] {
            let mut bob = bob();
            bob.user_agent = THIEF;
            let record = self.act(&bob, march(THURSDAY, 10, 30, second), MOSCOW, LIST_BUCKETS);
            record.error_code = Some("SignatureDoesNotMatch");
            record.error_message = Some("The request signature we calculated does not match.".to_owned());
        }
    }

    pub fn stolen_key_of_alice(&mut self) {
        let alice = alice();
        let thief = Credential { user_agent: THIEF, ..alice.clone() };
        let at = |minute, second| march(WEDNESDAY, 10, minute, second);
        self.act(&alice, at(0, 40), LONDON_OFFICE, DESCRIBE_INSTANCES);
        self.act(&alice, at(2, 11), LONDON_OFFICE, DESCRIBE_STACKS);
        self.act(&thief, at(12, 11), TOKYO, WHO_AM_I);
        self.act(&thief, at(12, 19), TOKYO, LIST_BUCKETS);
        self.fail(&thief, at(13, 2), TOKYO, LIST_USERS, DENIED);
        self.fail(&thief, at(13, 40), TOKYO, CREATE_USER, DENIED);
        self.act(&alice, at(21, 5), LONDON_OFFICE, DESCRIBE_INSTANCES);
        self.act(&alice, at(21, 50), LONDON_OFFICE, DESCRIBE_INSTANCES);
        self.act(&thief, at(34, 0), TOKYO_AGAIN, LIST_BUCKETS);
        self.fail(&thief, at(34, 30), YOKOHAMA, BUCKET_ACL, DENIED);
        self.act(&alice, at(58, 0), LONDON_OFFICE, DESCRIBE_STACKS);
        self.act(&oscar(WEDNESDAY), march(WEDNESDAY, 11, 40, 0), DUBLIN, DEACTIVATE_KEY_OF_ALICE);
    }

    pub fn stolen_session_of_carol(&mut self) {
        let carol = carol(THURSDAY);
        let thief = Credential { user_agent: THIEF, ..carol.clone() };
        let at = |hour, minute, second| march(THURSDAY, hour, minute, second);
        self.stretch(&carol, at(7, 45, 0), at(8, 20, 0), FRANKFURT_HOME, 6);
        self.stretch(&carol, at(8, 50, 0), at(14, 0, 0), FRANKFURT_OFFICE, 22);
        self.act(&carol, at(14, 5, 10), FRANKFURT_OFFICE, DESCRIBE_INSTANCES);
        self.act(&thief, at(14, 25, 10), RENTED_IN_SINGAPORE, WHO_AM_I);
        self.act(&thief, at(14, 26, 0), RENTED_IN_SINGAPORE, LIST_SECRETS);
        self.act(&thief, at(14, 27, 4), RENTED_IN_SINGAPORE, GET_SECRET);
        // An address in no database: passed over, and the chain goes on behind it.
        self.act(&thief, at(14, 28, 30), NOWHERE, WHO_AM_I);
        self.act(&carol, at(14, 31, 0), FRANKFURT_OFFICE, DESCRIBE_STACKS);
        self.act(&carol, at(14, 44, 12), FRANKFURT_OFFICE, DESCRIBE_INSTANCES);
        self.act(&thief, at(14, 50, 0), VPN_IN_MOSCOW, LIST_SECRETS);
        self.act(&thief, at(14, 51, 20), VPN_IN_MOSCOW, GET_SECRET);
        self.act(&carol, at(15, 20, 0), FRANKFURT_OFFICE, DESCRIBE_STACKS);
        self.stretch(&carol, at(15, 21, 0), at(16, 0, 0), FRANKFURT_OFFICE, 4);
    }

    pub fn leaked_key_of_erin(&mut self) {
        let erin = erin();
        let thief = Credential { user_agent: THIEF, ..erin.clone() };
        let at = |hour, minute, second| march(FRIDAY, hour, minute, second);
        self.stretch(&erin, at(11, 0, 0), at(12, 0, 0), SAO_PAULO_HOME, 8);
        self.stretch(&erin, at(12, 45, 0), at(14, 50, 0), SAO_PAULO_OFFICE, 9);
        // Two places in the very same second.
        self.act(&erin, at(15, 0, 0), SAO_PAULO_OFFICE, DESCRIBE_STACKS);
        self.act(&thief, at(15, 0, 0), CLOUD_IN_ASHBURN, WHO_AM_I);
        self.fail(
            &thief,
            at(15, 0, 9),
            CLOUD_IN_ASHBURN,
            RUN_INSTANCES,
            Some("Client.UnauthorizedOperation"),
        );
        self.act(&erin, at(15, 4, 30), SAO_PAULO_OFFICE, DESCRIBE_STACKS);
        self.act(&oscar(FRIDAY), at(15, 20, 0), DUBLIN, DEACTIVATE_KEY_OF_ERIN);
    }

    pub fn key_of_heidi_across_the_antimeridian(&mut self) {
        let heidi = heidi();
        let thief = Credential { user_agent: THIEF, ..heidi.clone() };
        self.stretch(&heidi, march(FRIDAY, 20, 30, 0), march(FRIDAY, 23, 0, 0), AUCKLAND, 8);
        self.act(&heidi, march(FRIDAY, 23, 10, 0), AUCKLAND, LIST_BUCKETS);
        self.act(&thief, march(SATURDAY, 1, 40, 0), HONOLULU, WHO_AM_I);
        self.fail(&thief, march(SATURDAY, 1, 41, 30), HONOLULU, LIST_USERS, DENIED);
        self.act(&heidi, march(SUNDAY, 0, 30, 0), AUCKLAND, LIST_BUCKETS);
    }

    pub fn credentials_of_the_web_server(&mut self) {
        let web = web_server(SATURDAY);
        let thief = Credential { user_agent: THIEF, ..web.clone() };
        let at = |minute, second| march(SATURDAY, 2, minute, second);
        self.act(&web, at(5, 0), WEB_SERVER, GET_PARAMETER);
        self.act(&thief, at(12, 0), LAGOS, WHO_AM_I);
        self.fail(&thief, at(12, 50), LAGOS, LIST_SECRETS, DENIED);
        self.act(&web, at(20, 0), WEB_SERVER, GET_PARAMETER);
        self.stretch(&web, at(21, 0), march(SATURDAY, 20, 0, 0), WEB_SERVER, 40);
    }
}

const DENIED: Option<&str> = Some("AccessDenied");
