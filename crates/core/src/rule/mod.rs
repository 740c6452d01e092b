//! The detection rule: which impossible legs are raised as alerts, which are not and why, what the baseline learns from
//! the events, and which raised legs form one incident. The module is pure: events go in, verdicts come out.
//!
//! ```text
//! rows ──in_order──> events, each once, in the order (time, site, entity)
//!                      │
//!                 AddressClass     absent · passing (with its reasons) · ordinary
//!                      │
//!               EntityJourney      the leg that arrives; it starts at the entity's last ordinary event
//!                      │
//!            over the thresholds?  Leg::measure: the one implementation of a leg
//!                      │
//!  BaselineState ──> Policy::verdict   every reason that applies; raised if there is none
//!     ^                │
//!     │             Grouping       raised legs of an entity: incidents, each an alert
//!     └── learns from the event, after its verdict
//! ```
//!
//! **Forward only.** Every statement about an event depends on the events before it in the order and on none after it.
//! Everything else follows from this property. A history can be cut at any time and continued later
//! ([`evaluate::resume`]). An event that is later than all others changes no earlier verdict. A late event changes only
//! what comes after it. "Known" therefore always means known *before* the leg arrives: the verdict comes first, and
//! learning comes second.
//!
//! **Two journeys.** Legs are evaluated along the journey of an *entity*, such as an access key. Locations are learned
//! along the journey of its *baseline entity*, the user, over all of that user's entities. The baseline of the event at
//! which a leg arrives decides about the leg. The entities and baseline entities that are evaluated together must
//! therefore be closed: to evaluate one entity, a caller needs every event of every baseline entity that its events
//! name. Callers that need less can use the parts one by one: [`journey::EntityJourney`], [`baseline::BaselineState`],
//! [`verdict::Policy`], [`incident::Grouping`].
//!
//! **The life of a place** under [`settings::Learn::Proven`]:
//! ```text
//!             first event                 first event after the trial, seen on three days
//!    (new) ───────────────> on trial ──────────────────────────────────────────────────> known
//!      ^  ^                 │  │  ^                                                       │
//!      │  └─unseen too long─┘  │  └── the same, on fewer days: a new trial                │
//!      │                       │ an impossible leg between it and known places            │
//!      │                       v                                                          │
//!      │                     contested, forever                                           │
//!      └────────────────────────────── unseen for more than forget_after ─────────────────┘
//! ```
//! During the learning period, an event makes its place known at once. The journey in which a trial is watched consists
//! of the events of the place itself and of those at places that were known by then. Because knowledge never looks
//! forward, two stops suffice to walk this journey for all places at once: the last event of each place, and the last
//! event at a known place, the *anchor*. Only a place seen at the anchor or after it can be contested by the next event
//! at a known place. Rows entered by analysts overlay the baseline: they make a place known to verdicts and to the
//! trials of *other* places, while the trial of the place itself continues underneath.
//! Under [`settings::Learn::Encountered`], the first event makes a place known.
//!
//! **What a scan keeps** ([`evaluate::EvaluationState`]) is one row for each entity and one for each baseline entity:
//! | of | what | bounded by |
//! |---|---|---|
//! | an entity | its last ordinary event; the time until which it was evaluated | one |
//! | | its open incident, with the ids of its legs | `max_duration` |
//! | | how its legs alternate between places, for `two_holders` | pairs of places within twice `max_duration` |
//! | a baseline entity | the times of its first and last event; the time until which it was evaluated | three |
//! | | its known, trial (since when, on how many days) and contested places | places within `forget_after`, and all contested ones |
//! | | the anchor, and which places on trial were seen since | one; places |
//! | | the transitions that were traveled | pairs of places within 180 days |
//!
//! Each row is valid as of the last event of its own entity or baseline entity. An event is therefore late only if its
//! own entity or baseline entity is further on ([`evaluate::EvaluationState::is_late`]). It costs nothing that the
//! files of others arrived sooner. A state cannot be rebuilt from a recent window of events: a trial may be the latest
//! of a chain that began long ago, and a contested place stays contested forever. A scan therefore keeps checkpoints,
//! which are rows as of several times. For a late event it takes the newest checkpoints that are older, continues from
//! there, and may stop as soon as its state equals a checkpoint, because nothing changes after that
//! ([`evaluate::EvaluationState`] is `PartialEq` and drops what cannot matter anymore).
//!
//! The rule's settings, the rows of analysts, suppressions and networks are inputs of every call and not part of a
//! state. To apply a change to the past, a caller evaluates again from a state that is older than the change. Verdicts
//! given before the change, or before a late event, remain valid ([`settled_verdicts`]).
//!
//! Session lineage changes the entity and the baseline entity of an event before the event is evaluated ([`lineage`]).
//! Nothing else here knows of it.
//!
//! | module | what it holds |
//! |---|---|
//! | [`settings`] | the settings of a rule |
//! | [`event`] | an event as rules evaluate it; the order of events |
//! | [`place_key`] | places and transitions as the baseline distinguishes them |
//! | [`address_class`] | absent, passing or ordinary: what an address makes of an event; the network attributes of a leg |
//! | [`journey`] | the legs of an entity |
//! | [`lineage`] | the root of a temporary key, which is evaluated together with the key that minted it |
//! | [`baseline`] | the learned locations of a baseline entity |
//! | [`analyst_row`] | the locations that analysts entered |
//! | [`knowledge`] | what is known of a baseline entity just before an event |
//! | [`suppression`] | what analysts silenced |
//! | [`verdict`] | raised, or every reason why not |
//! | [`evidence`] | what speaks for or against an alert |
//! | [`incident`] | raised legs that belong together |
//! | [`alert`] | which stored alert belongs to an incident |
//! | [`mod@evaluate`] | all of the above together, and the state that continues it |
//! | `entity_run` | the entities of one evaluation while it runs |
//! | [`checkpoint`] | which earlier states are kept for late events |
//! | [`packed`] | the stored form of states |
//! | [`settled_verdicts`] | the verdicts that remain valid between a checkpoint and what is evaluated again |
//! | [`relocate`] | a state under another edition of place data, for sources that no longer have the history |
//! | [`template`], [`signal`] | the message of an alert, and the attributes that it can name |

pub mod address_class;
pub mod alert;
pub mod analyst_row;
pub mod baseline;
pub mod checkpoint;
mod entity_run;
pub mod evaluate;
pub mod event;
mod event_id;
pub mod evidence;
pub mod incident;
pub mod journey;
pub mod knowledge;
pub mod lineage;
pub mod packed;
pub mod place_key;
pub mod relocate;
pub mod settings;
pub mod settled_verdicts;
pub mod signal;
pub mod suppression;
pub mod template;
pub mod verdict;

pub use address_class::AddressClass;
pub use alert::{AlertIdentity, Assignment, StoredAlert, assign};
pub use analyst_row::{AnalystRow, KnownItem, Overlay};
pub use baseline::{BaselineState, LearnedPlace, LearnedTransition, PlaceRecord, PlaceState, TravelPeriod};
pub use checkpoint::Checkpoint;
pub use evaluate::{
    Advanced, ByName, EntityState, Evaluation, EvaluationState, Evaluator, Late, Step, advance, evaluate,
    resume, resume_towards,
};
pub use event::{EvaluatedEvent, EventDetails, Treatment};
pub use event_id::EventId;
pub use evidence::Evidence;
pub use incident::{Crossings, DecidedLeg, Grouping, Incident, OtherEdition};
pub use knowledge::{KnownBefore, KnownPlace};
pub use place_key::{PlaceKey, Transition};
pub use relocate::CurrentLocation;
pub use settings::{Learn, Micros, NetworkAttributes, Rule, Severity};
pub use settled_verdicts::{SettledByEntity, SettledVerdicts};
pub use suppression::{Suppression, like_exactly};
pub use template::Template;
pub use verdict::{Policy, Reason, Verdict};
