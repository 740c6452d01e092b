//! The detection rule: which travel is raised, which is not and why, what is learnt meanwhile, and which raised legs are
//! one incident. Pure: events in, verdicts out.
//!
//! ```text
//! rows ──in_order──> events, each once, in the order (time, site, entity)
//!                      │
//!                    AddressClass          absent · passing (with its reasons) · ordinary
//!                      │
//!               EntityJourney       the leg that arrives; it starts at the entity's last ordinary event
//!                      │
//!            over the thresholds?   Leg::measure: the one implementation of a leg
//!                      │
//!  BaselineState ──> Policy::verdict   every reason that applies; raised where there is none
//!     ^                │
//!     │             Grouping        raised legs of an entity: incidents, each an alert
//!     └── learns from the event, after its verdict
//! ```
//!
//! **Forward only.** Every answer about an event hangs on the events before it in the order, on none after it. That
//! one property gives the rest: a history can be cut at any time and gone on with ([`evaluate::resume`]); an event that is
//! later than all others changes nothing that was said; and a late event changes only what follows it.
//! "Known" therefore always means known *before* the leg arrives: the verdict comes first, the learning second.
//!
//! **Two journeys.** Legs are evaluated along the journey of an *entity* (a key, say). Places are learnt along the journey
//! of its *baseline entity* (the person), over all its entities. A leg is evaluated by the baseline of the event at which
//! it arrives. So the entities and baseline entities that are evaluated together must be closed: whoever evaluates one entity
//! needs every event of the baseline entities that its events name. The parts are usable one by one where a door wants
//! to read less: [`journey::EntityJourney`], [`baseline::BaselineState`], [`verdict::Policy`], [`incident::Grouping`].
//!
//! **A place's life** under [`settings::Learn::Proven`]:
//! ```text
//!             first event                 first event after the trial, three days seen
//!    (new) ───────────────> on trial ──────────────────────────────────────────────────> known
//!      ^  ^                 │  │  ^                                                       │
//!      │  └─unseen too long─┘  │  └── the same, fewer days: a new trial                   │
//!      │                       │ a leg over the thresholds between it and known places    │
//!      │                       v                                                          │
//!      │                     held, for ever                                               │
//!      └────────────────────────────── unseen for more than forget_after ─────────────────┘
//! ```
//! In the learning period an event makes its place known at once. The journey in which a trial is watched is made of
//! the place's own events and of those at places that were known by then; as known-ness never looks forward, two stops
//! suffice to walk it for all places at once: the last event of each place, and the last event at a known place, the
//! *anchor*. Only a place seen at the anchor or after it can be held by the next one. Analysts' rows overlay: they make
//! a place known to verdicts and to the trials of *other* places, while its own trial goes on beneath.
//! Under [`settings::Learn::Encountered`] the first event makes the place known.
//!
//! **What must be kept** ([`evaluate::State`]) between two scans, one row for each entity and for each baseline entity:
//! | of | what | bounded by |
//! |---|---|---|
//! | an entity | its last ordinary event; until when it was evaluated | one |
//! | | its open incident, with the ids of its legs | `max_duration` |
//! | | how its legs alternate between places, for `two_holders` | pairs of places within twice `max_duration` |
//! | a baseline entity | the times of its first and its last event; until when it was evaluated by | three |
//! | | its places that are known, on trial (with since when and how many days) or held | places within `forget_after`; those held |
//! | | the anchor, and which places on trial were seen since | one; places |
//! | | the transitions that were traveled | pairs of places within 180 days |
//!
//! Each row stands as of its own last event. So an event is late only where its own entity or baseline entity is
//! further on ([`evaluate::State::is_late`]); that others are, whose files came sooner, costs nothing. Nothing of a state
//! can be had from a recent window of events alone: a trial may be the latest of a chain that began long ago, and what
//! is held is held for ever. A scan therefore keeps rows as of several times. For a late event it takes the newest rows
//! that are older, goes on from there, and may stop as soon as its state equals one that was kept: from there on nothing
//! changes ([`evaluate::State`] is `PartialEq`, and drops what cannot matter any more).
//!
//! The rule's settings, analysts' rows, suppressions and networks are inputs of every call, no part of a state: who
//! changes them evaluates again from a state that is older than the change's effect. What was said before that effect, or
//! before a late event, stands ([`settled_verdicts`]).
//!
//! Lineage is not here: it changes what an event's entity and baseline entity are, before it is evaluated.
//!
//! | module | what it holds |
//! |---|---|
//! | [`settings`] | what a rule says |
//! | [`event`] | a evaluated event; the order of events |
//! | [`place_key`] | places and transitions as the baseline tells them apart |
//! | [`address_class`] | absent, passing, ordinary; the attributes of a leg |
//! | [`journey`] | the legs of an entity |
//! | [`baseline`] | what is learnt |
//! | [`analyst_row`] | what analysts know better |
//! | [`suppression`] | what they do not want to hear of |
//! | [`verdict`] | raised, or every reason why not |
//! | [`evidence`] | what speaks for or against an alert |
//! | [`incident`] | raised legs that belong together |
//! | [`alert`] | which stored alert an incident is |
//! | [`checkpoint`] | which states are kept for late events |
//! | [`relocate`] | a state under another edition of place data, where the history is gone |
//! | [`settled_verdicts`] | verdicts that stand, between such a state and what is evaluated again |
//! | [`template`], [`signal`] | what an alert says: a message with names in it, the attributes that it can name |
//! | [`mod@evaluate`] | all of it together; what is kept |

pub mod address_class;
pub mod alert;
pub mod analyst_row;
pub mod baseline;
pub mod checkpoint;
pub mod evaluate;
pub mod event;
pub mod evidence;
pub mod incident;
pub mod journey;
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
pub use analyst_row::{AnalystRow, Known, Overlay};
pub use baseline::{BaselineState, LearnedPlace, LearnedTransition, PlaceRecord, PlaceState, TravelPeriod};
pub use checkpoint::Checkpoint;
pub use evaluate::{EntityState, Evaluation, Evaluator, Late, State, Step, evaluate, resume, resume_towards};
pub use event::{EvaluatedEvent, EventDetails, Treatment};
pub use evidence::Evidence;
pub use incident::{Crossings, DecidedLeg, Grouping, Incident, OtherEdition};
pub use place_key::{PlaceKey, Transition};
pub use relocate::CurrentLocation;
pub use settings::{Learn, Micros, NetworkAttributes, Rule, Severity};
pub use settled_verdicts::{SettledByEntity, SettledVerdicts};
pub use suppression::Suppression;
pub use template::Template;
pub use verdict::{Policy, Reason, Verdict};
