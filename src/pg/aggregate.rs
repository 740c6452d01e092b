//! What a function can learn about the aggregate that calls it.

use super::errors::{TravelError, UsageError};
use super::function::Call;
use pgrx::pg_sys;

/// Fails outside an aggregate, because only the state of an aggregate may be changed in place.
pub fn require_aggregate(call: &Call, function: &'static str) -> Result<(), TravelError> {
    // SAFETY: the context of a call is a node with a tag, or null.
    let in_aggregate = unsafe {
        let context = (*call.raw()).context;
        !context.is_null() && (*context).type_ == pg_sys::NodeTag::T_AggState
    };
    if in_aggregate { Ok(()) } else { Err(UsageError::NotInAggregate { function }.into()) }
}

/// The memory context in which the state of a group lives, or that of a frame if the aggregate is called for a window. It
/// is an error if the call is not one of an aggregate.
pub fn context_of_aggregate(
    call: &Call,
    function: &'static str,
) -> Result<pg_sys::MemoryContext, TravelError> {
    let mut context: pg_sys::MemoryContext = std::ptr::null_mut();
    // SAFETY: the call is PostgreSQL's own. If it is one of an aggregate, this sets the context.
    let kind = unsafe { pg_sys::AggCheckCallContext(call.raw(), &mut context) };
    if kind == 0 { Err(UsageError::NotInAggregate { function }.into()) } else { Ok(context) }
}

/// Returns the node of a call if it calls a transition function, and the function itself makes the first value of the
/// state.
#[inline]
pub fn aggregate_of_call(call: &Call) -> Option<*mut pg_sys::AggState> {
    // SAFETY: the context of a call is a node with a tag, or null. The fields of an AggState are set while a transition
    // function runs. `flinfo` is that of the call.
    unsafe {
        let node = (*call.raw()).context.cast::<pg_sys::AggState>();
        if node.is_null() || (*node).ss.ps.type_ != pg_sys::NodeTag::T_AggState {
            return None;
        }
        let transition = (*node).curpertrans;
        let is_of_node = !transition.is_null()
            // Another extension, such as Citus, can call the function with the same context for a state of its own.
            && &raw mut (*transition).transfn == (*call.raw()).flinfo
            && (*transition).initValueIsNull;
        is_of_node.then_some(node)
    }
}
