//! The journey of one entity under a rule: legs arrive at passing events, but never start from them.

use super::class::Class;
use super::event::EvaluatedEvent;
use crate::journey::{Journey, Leg};

/// One entity's way through its evaluated events, in order.
#[derive(Clone, Copy, Debug, Default)]
pub struct EntityJourney<'a> {
    journey: Journey<&'a EvaluatedEvent>,
}

impl<'a> EntityJourney<'a> {
    /// A journey that goes on from the entity's last ordinary event.
    pub fn after(last: Option<&'a EvaluatedEvent>) -> Self {
        let mut journey = Journey::default();
        if let Some(last) = last {
            journey.arrive(last.stop());
        }
        Self { journey }
    }

    /// The last ordinary event: all that the journey remembers.
    pub fn last(&self) -> Option<&'a EvaluatedEvent> {
        self.journey.last().map(|stop| stop.event)
    }

    /// The leg that arrives with this event.
    pub fn arrive(&mut self, event: &'a EvaluatedEvent, class: &Class) -> Option<Leg<&'a EvaluatedEvent>> {
        match class {
            Class::Absent => None,
            Class::Ordinary => self.journey.arrive(event.stop()),
            Class::Passing(_) => {
                // A detour: a copy of the journey goes there, the journey itself stays where it was.
                let mut detour = self.journey;
                detour.arrive(event.stop())
            }
        }
    }
}
