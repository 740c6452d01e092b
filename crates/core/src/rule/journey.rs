//! The journey of one entity under a rule: legs arrive at passing events, but never start from them.

use super::address_class::AddressClass;
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
    pub fn arrive(
        &mut self,
        event: &'a EvaluatedEvent,
        class: &AddressClass,
    ) -> Option<Leg<&'a EvaluatedEvent>> {
        match class {
            AddressClass::Absent => None,
            AddressClass::Ordinary => self.journey.arrive(event.stop()),
            AddressClass::Passing(_) => {
                // A detour: a copy of the journey goes there, the journey itself stays where it was.
                let mut detour = self.journey;
                detour.arrive(event.stop())
            }
        }
    }
}
