//! The journey of one entity under a rule: legs arrive at passing events, but never start from them.

use super::address_class::AddressClass;
use super::event::EvaluatedEvent;
use crate::journey::{Journey, Leg};

/// The journey of one entity through its events, in order.
#[derive(Clone, Copy, Debug, Default)]
pub struct EntityJourney<'a> {
    journey: Journey<&'a EvaluatedEvent>,
}

impl<'a> EntityJourney<'a> {
    /// A journey that continues from the last ordinary event of the entity.
    pub fn after(last: Option<&'a EvaluatedEvent>) -> Self {
        let mut journey = Journey::default();
        if let Some(last) = last {
            journey.arrive(last.stop());
        }
        Self { journey }
    }

    /// The last ordinary event, which is all that the journey remembers.
    pub fn last(&self) -> Option<&'a EvaluatedEvent> {
        self.journey.last().map(|stop| stop.event)
    }

    /// The leg that arrives with this event.
    pub fn arrive(
        &mut self,
        event: &'a EvaluatedEvent,
        class: &AddressClass,
    ) -> Option<Leg<&'a EvaluatedEvent>> {
        match class {
            AddressClass::Absent => None,
            AddressClass::Ordinary => self.journey.arrive(event.stop()),
            AddressClass::Passing(_) => {
                // A passing event is a detour: a copy of the journey goes there, and the journey itself stays where it
                // was.
                let mut detour = self.journey;
                detour.arrive(event.stop())
            }
        }
    }
}
