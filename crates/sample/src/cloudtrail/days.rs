//! The ordinary part of the story: work, machines, AWS itself, and people who travel.

use super::calls::*;
use super::cast::*;
use super::places::*;
use super::stage::Stage;
use crate::time::{Time, march};
use serde_json::json;

impl Stage {
    /// Home, office, home; with a sign-in to the console in the morning.
    pub fn ordinary_days(&mut self) {
        for day in MONDAY..=FRIDAY {
            // After the theft alice has a new key. The morning of that day is told in its own place.
            let key = if day <= WEDNESDAY { "AKIAALICE0001EXAMPLE" } else { "AKIAALICE0002EXAMPLE" };
            let alice = Credential::user(PRODUCTION, "eu-west-1", "alice", key);
            self.sign_in(&alice, march(day, 7, 55, 12), LONDON_HOME, true);
            self.stretch(&alice, march(day, 8, 0, 0), march(day, 8, 40, 0), LONDON_HOME, 5);
            let (leaves, calls) =
                if day == WEDNESDAY { (march(day, 9, 55, 0), 12) } else { (march(day, 17, 30, 0), 36) };
            self.stretch(&alice, march(day, 9, 20, 0), leaves, LONDON_OFFICE, calls);

            if day != THURSDAY {
                self.stretch(&carol(day), march(day, 7, 45, 0), march(day, 8, 20, 0), FRANKFURT_HOME, 6);
                self.stretch(&carol(day), march(day, 8, 50, 0), march(day, 16, 0, 0), FRANKFURT_OFFICE, 30);
            }
            self.stretch(&oscar(day), march(day, 8, 5, 0), march(day, 16, 30, 0), DUBLIN, 18);

            if day != FRIDAY {
                // The same person, the same city, once over IPv6 and once over IPv4.
                self.stretch(&erin(), march(day, 11, 0, 0), march(day, 12, 0, 0), SAO_PAULO_HOME, 8);
                self.stretch(&erin(), march(day, 12, 45, 0), march(day, 20, 30, 0), SAO_PAULO_OFFICE, 26);
                // Auckland's working day begins the evening before in UTC.
                self.stretch(&heidi(), march(day, 20, 30, 0), march(day + 1, 4, 30, 0), AUCKLAND, 20);
            }
            let ivan = Credential::user(DEVELOPMENT, "eu-central-1", "ivan", "AKIAIVAN00001EXAMPLE");
            self.stretch(&ivan, march(day, 7, 30, 0), march(day, 8, 20, 0), CAMBRIDGE, 4);
            self.stretch(&ivan, march(day, 9, 30, 0), march(day, 17, 0, 0), LONDON_OFFICE, 24);
        }
        let root = Credential::root(PRODUCTION, "us-east-1", "ASIAROOT00002EXAMPLE");
        self.sign_in(&root, march(MONDAY, 9, 2, 0), DUBLIN, true);
        self.stretch(&root, march(MONDAY, 9, 2, 30), march(MONDAY, 9, 20, 0), DUBLIN, 5);
    }

    /// A web server with a public address and an endpoint inside its network; a pipeline on rented machines.
    pub fn machines(&mut self) {
        for day in MONDAY..=SATURDAY {
            let web = web_server(day);
            let until = if day == SATURDAY { march(day, 1, 58, 0) } else { march(day, 23, 58, 0) };
            let calls = if day == SATURDAY { 4 } else { 44 };
            for _ in 0..calls {
                let time = self.between(march(day, 0, 5, 0), until);
                let call = *self.rng.pick(MACHINE);
                if self.rng.below(5) < 2 {
                    let record = self.act(&web, time, "10.0.1.25", call);
                    record.vpc_endpoint_id = Some("vpce-0123456789abcdef0");
                } else {
                    self.act(&web, time, WEB_SERVER, call);
                }
            }
            if day <= FRIDAY {
                for hour in [9, 13, 15] {
                    self.deployment(day, hour);
                }
            }
        }
    }

    fn deployment(&mut self, day: i64, hour: i64) {
        let address = format!("{BUILD_AGENTS}{}", 10 + self.rng.below(40));
        let start = march(day, hour, 20, 5);
        let mut federated = Credential::service(DEVELOPMENT, "us-east-1", "");
        federated.identity.kind = "WebIdentityUser";
        federated.identity.principal_id =
            Some("arn:aws:iam::444455556666:oidc-provider/token.actions.githubusercontent.com".to_owned());
        federated.identity.user_name = Some("repo:example/web:ref:refs/heads/main".to_owned());
        federated.identity.invoked_by = None;
        federated.user_agent = "aws-sdk-nodeJS/3.0 configure-aws-credentials-for-github-actions";
        let key = format!("ASIACI{day:02}{hour:02}000EXAMPLE");
        let issued = json!({"credentials": {"accessKeyId": key, "expiration": start.to_string()}});
        self.act(&federated, start, &address, ASSUME_WEB_IDENTITY).response_elements = issued;

        let role = Role { path: "", name: "github-deploy" };
        let session = Credential::session(DEVELOPMENT, "us-east-1", role, "GitHubActions", key, start);
        self.stretch(&session, Time(start.0 + 5), Time(start.0 + 400), &address, 6);
        // CloudFormation goes on with the pipeline's credentials, from an address that is its own.
        for _ in 0..3 {
            let time = self.between(Time(start.0 + 60), Time(start.0 + 900));
            let service = session.invoked_by("cloudformation.amazonaws.com");
            self.act(&service, time, "cloudformation.amazonaws.com", DESCRIBE_INSTANCES);
        }
    }

    /// What AWS does by itself.
    pub fn services(&mut self) {
        for day in MONDAY..=SATURDAY {
            for _ in 0..16 {
                let time = self.between(march(day, 0, 0, 0), march(day, 23, 59, 0));
                let service = *self.rng.pick(&[
                    "lambda.amazonaws.com",
                    "ecs-tasks.amazonaws.com",
                    "config.amazonaws.com",
                ]);
                let call = *self.rng.pick(&[CREATE_LOG_STREAM, DESCRIBE_INSTANCES, LIST_BUCKETS]);
                let account = *self.rng.pick(&[PRODUCTION, DEVELOPMENT]);
                self.act(&Credential::service(account, "us-east-1", service), time, service, call);
            }
            for _ in 0..5 {
                let time = self.between(march(day, 8, 0, 0), march(day, 16, 0, 0));
                let internal = carol(day).invoked_by("AWS Internal");
                self.act(&internal, time, "AWS Internal", LIST_BUCKETS);
            }
            let time = self.between(march(day, 1, 0, 0), march(day, 5, 0, 0));
            let rotation = Credential::service(PRODUCTION, "us-east-1", "AWS Internal");
            self.act(&rotation, time, "AWS Internal", ROTATE_KEY).event_type = "AwsServiceEvent";
        }
        // A service that shows an address of its own: bob is in London when it works for him in Ashburn.
        let service = bob().invoked_by("athena.amazonaws.com");
        self.act(&service, march(THURSDAY, 11, 15, 0), "198.18.64.9", LIST_BUCKETS);
        // Two old records came without an id, as some do.
        for minute in [14, 37] {
            let record = self.act(&bob(), march(MONDAY, 15, minute, 0), NEW_YORK_OFFICE, DESCRIBE_STACKS);
            record.event_id = None;
        }
    }

    /// Those who were really under way.
    pub fn travelers(&mut self) {
        let bob = bob();
        self.sign_in(&bob, march(MONDAY, 12, 58, 0), JERSEY_CITY, true);
        for day in [MONDAY, TUESDAY] {
            self.stretch(&bob, march(day, 13, 0, 0), march(day, 13, 40, 0), JERSEY_CITY, 6);
            let until = if day == MONDAY { 21 } else { 15 };
            self.stretch(&bob, march(day, 14, 30, 0), march(day, until, 45, 0), NEW_YORK_OFFICE, 24);
        }
        // Toronto and back, by plane; only the flat database knows his hotel there.
        self.stretch(&bob, march(TUESDAY, 18, 5, 0), march(TUESDAY, 20, 30, 0), TORONTO, 9);
        self.stretch(&bob, march(WEDNESDAY, 1, 30, 0), march(WEDNESDAY, 2, 0, 0), JERSEY_CITY, 3);
        // New York to London in 9 hours, and back in 9.
        self.act(&bob, march(WEDNESDAY, 12, 30, 0), NEW_YORK_OFFICE, DESCRIBE_STACKS);
        self.act(&bob, march(WEDNESDAY, 21, 30, 0), LONDON_HOTEL, WHO_AM_I);
        self.stretch(&bob, march(THURSDAY, 8, 30, 0), march(THURSDAY, 17, 0, 0), LONDON_OFFICE, 28);
        self.act(&bob, march(FRIDAY, 10, 0, 0), LONDON_HOTEL, DESCRIBE_STACKS);
        self.act(&bob, march(FRIDAY, 19, 0, 0), NEW_YORK_OFFICE, DESCRIBE_STACKS);
        self.stretch(&bob, march(FRIDAY, 19, 5, 0), march(FRIDAY, 21, 30, 0), NEW_YORK_OFFICE, 9);

        // Fiji and Samoa, on both sides of the antimeridian: 1,151 km in 3 hours.
        let dave = Credential::user(PRODUCTION, "ap-southeast-2", "dave", "AKIADAVE00001EXAMPLE");
        self.stretch(&dave, march(MONDAY, 20, 0, 0), march(TUESDAY, 4, 0, 0), SUVA, 24);
        self.stretch(&dave, march(TUESDAY, 18, 0, 0), march(TUESDAY, 20, 30, 0), SUVA, 12);
        self.act(&dave, march(TUESDAY, 21, 0, 0), SUVA, WHO_AM_I);
        self.act(&dave, march(WEDNESDAY, 0, 0, 0), APIA, WHO_AM_I);
        self.stretch(&dave, march(WEDNESDAY, 0, 10, 0), march(WEDNESDAY, 5, 0, 0), APIA, 16);
        self.stretch(&dave, march(WEDNESDAY, 20, 0, 0), march(THURSDAY, 3, 0, 0), APIA, 16);
        self.stretch(&dave, march(THURSDAY, 6, 30, 0), march(THURSDAY, 8, 0, 0), NADI, 8);
        self.stretch(&dave, march(FRIDAY, 0, 0, 0), march(FRIDAY, 4, 0, 0), AUCKLAND, 12);

        // A VPN that is near: below 500 km however fast.
        for day in MONDAY..=FRIDAY {
            let key = daily_key("frank", day);
            let since = march(day, 8, 25, 0);
            let frank =
                Credential::sso(DEVELOPMENT, "eu-central-1", "PowerUser", "frank@example.com", key, since);
            self.stretch(&frank, march(day, 8, 30, 0), march(day, 11, 0, 0), LONDON_OFFICE, 10);
            self.act(&frank, march(day, 11, 5, 0), LONDON_OFFICE, WHO_AM_I);
            self.act(&frank, march(day, 11, 10, 0), AMSTERDAM, WHO_AM_I);
            self.stretch(&frank, march(day, 11, 11, 0), march(day, 13, 0, 0), AMSTERDAM, 7);
            self.stretch(&frank, march(day, 13, 4, 0), march(day, 16, 0, 0), LONDON_OFFICE, 10);
        }

        // Sydney to Singapore by night, over IPv6.
        let grace = Credential::user(PRODUCTION, "ap-southeast-2", "grace", "AKIAGRACE0001EXAMPLE");
        for day in [MONDAY, TUESDAY, WEDNESDAY] {
            self.stretch(&grace, march(day, 0, 0, 0), march(day, 7, 0, 0), SYDNEY, 22);
        }
        self.stretch(&grace, march(WEDNESDAY, 17, 0, 0), march(WEDNESDAY, 17, 40, 0), SINGAPORE, 4);
        self.stretch(&grace, march(THURSDAY, 1, 0, 0), march(THURSDAY, 9, 0, 0), SINGAPORE, 20);
        self.stretch(&grace, march(FRIDAY, 1, 0, 0), march(FRIDAY, 9, 0, 0), SINGAPORE, 16);
    }
}
