//! Functions that SQL calls: their declaration, typed access to their arguments, and a cache per call site.
//!
//! [`pg_function!`](pg_function) stands beside pgrx's `#[pg_extern(sql = "")]` for these reasons:
//!
//! - The SQL of the extension is written by hand, so what `#[pg_extern]` generates for it would not be used: it still
//!   needs `SqlTranslatable` types for all arguments and results, which many functions here (window function, aggregate
//!   support, triggers, functions of `internal`) do not have.
//! - `#[pg_extern]` converts each argument to an owned or borrowed Rust value, and a composite result goes through
//!   `PgHeapTuple`. Functions here run once per event: they read only the arguments that they need, borrow text where
//!   it lies, and keep what they look up in the call site (`fn_extra`).
//! - Errors of a body are values ([`TravelError`]) with SQLSTATE, detail and hint, which the macro raises in one place.
//!
//! The cost of the two declarations was not measured against each other. docs/performance.md has the cost of the
//! functions.

use super::errors::{TravelError, UsageError};
use super::inet;
use pgrx::pg_sys;
use std::ffi::CStr;
use std::net::IpAddr;

/// Defines the C function `$symbol`, and `$info`, by which PostgreSQL learns that it uses the V1 calling convention.
/// The body is a `fn(&Call) -> Result<Datum, TravelError>`. An error of the body becomes an SQL error. A panic, or an
/// error of PostgreSQL, unwinds to here and is reported. It can be reported even if memory ran out, because the body runs
/// within [`guard_with_reserve`](super::allocator::guard_with_reserve).
///
/// With `first $quick`, a `fn(&Call) -> Option<Datum>` runs before the body. If it returns a value, the body does not
/// run. It runs without a guard, because a guard takes longer than a function that does little, so it must not call
/// PostgreSQL and must not panic.
macro_rules! pg_function {
    ($symbol:ident, $info:ident, $body:expr) => {
        $crate::pg::function::pg_function!($symbol, $info, first |_: &$crate::pg::function::Call| None, $body);
    };
    ($symbol:ident, $info:ident, first $quick:expr, $body:expr) => {
        #[doc(hidden)]
        #[unsafe(no_mangle)]
        pub extern "C" fn $info() -> &'static ::pgrx::pg_sys::Pg_finfo_record {
            const V1: ::pgrx::pg_sys::Pg_finfo_record = ::pgrx::pg_sys::Pg_finfo_record { api_version: 1 };
            &V1
        }

        #[doc(hidden)]
        #[unsafe(no_mangle)]
        pub extern "C-unwind" fn $symbol(fcinfo: ::pgrx::pg_sys::FunctionCallInfo) -> ::pgrx::pg_sys::Datum {
            // SAFETY: `fcinfo` is the call's own.
            if let Some(datum) = ($quick)(&unsafe { $crate::pg::function::Call::new(fcinfo) }) {
                return datum;
            }
            // SAFETY: this is the outermost frame of a call from PostgreSQL, which is what the guard is for, and
            // `fcinfo` is the call's own.
            unsafe {
                $crate::pg::allocator::guard_with_reserve(|| {
                    let call = $crate::pg::function::Call::new(fcinfo);
                    match ($body)(&call) {
                        Ok(datum) => datum,
                        Err(error) => $crate::pg::errors::TravelError::raise(error),
                    }
                })
            }
        }
    };
}
pub(crate) use pg_function;

/// One call of a function from SQL. Arguments are numbered from 0.
pub struct Call {
    fcinfo: pg_sys::FunctionCallInfo,
}

impl Call {
    /// # Safety
    /// `fcinfo` must be that of the running call.
    pub unsafe fn new(fcinfo: pg_sys::FunctionCallInfo) -> Self {
        Self { fcinfo }
    }

    pub fn raw(&self) -> pg_sys::FunctionCallInfo {
        self.fcinfo
    }

    /// The number of arguments of this call.
    pub fn count(&self) -> usize {
        // SAFETY: see `new`.
        unsafe { (*self.fcinfo).nargs as usize }
    }

    /// The argument, unless it is NULL.
    #[inline]
    pub fn datum(&self, n: usize) -> Option<pg_sys::Datum> {
        debug_assert!(n < self.count());
        // SAFETY: `args` has `nargs` entries, and SQL declares as many as the body asks for.
        let argument = unsafe { (*self.fcinfo).args.as_slice(self.count())[n] };
        (!argument.isnull).then_some(argument.value)
    }

    pub fn f64(&self, n: usize) -> Option<f64> {
        self.datum(n).map(|datum| f64::from_bits(datum.value() as u64))
    }

    pub fn bool(&self, n: usize) -> Option<bool> {
        self.datum(n).map(|datum| datum.value() as u8 != 0)
    }

    /// A timestamptz: microseconds since 2000-01-01 UTC; the infinities are `i64::MIN` and `i64::MAX`.
    pub fn timestamp(&self, n: usize) -> Option<i64> {
        self.datum(n).map(|datum| datum.value() as i64)
    }

    pub fn oid(&self, n: usize) -> Option<pg_sys::Oid> {
        self.datum(n).map(|datum| pg_sys::Oid::from_u32(datum.value() as u32))
    }

    /// An inet or cidr as a host.
    pub fn inet(&self, n: usize) -> Option<IpAddr> {
        // SAFETY: SQL declares the argument as inet.
        self.datum(n).and_then(|datum| unsafe { inet::read(datum) })
    }

    /// The bytes of a text, varchar, bytea or other variable-length value.
    pub fn bytes(&self, n: usize) -> Option<&[u8]> {
        // SAFETY: SQL declares the argument as a variable-length type; the copy, if one is made, lives as long as
        // the call's memory context.
        self.datum(n).map(|datum| unsafe { varlena_bytes(datum) })
    }

    pub fn text(&self, n: usize) -> Result<Option<&str>, TravelError> {
        self.bytes(n).map(utf8).transpose()
    }

    /// Makes NULL the result.
    pub fn null(&self) -> pg_sys::Datum {
        // SAFETY: see `new`.
        unsafe { (*self.fcinfo).isnull = true };
        pg_sys::Datum::from(0_usize)
    }

    /// A value that is made at the first call of a call site (one place in one plan) and kept for its later calls. It
    /// lives in the memory context of the call site and is never dropped, so `T` must not own heap memory.
    pub fn site_cache<T>(&self, make: impl FnOnce() -> Result<T, TravelError>) -> Result<&T, TravelError> {
        const { assert!(!std::mem::needs_drop::<T>()) };
        // SAFETY: PostgreSQL gives every call a `flinfo`; nobody else uses its `fn_extra`, and each function caches
        // only one type.
        unsafe {
            let flinfo = (*self.fcinfo).flinfo;
            if (*flinfo).fn_extra.is_null() {
                let value = make()?;
                let slot = pg_sys::MemoryContextAlloc((*flinfo).fn_mcxt, size_of::<T>().max(1)).cast::<T>();
                slot.write(value);
                (*flinfo).fn_extra = slot.cast();
            }
            Ok(&*(*flinfo).fn_extra.cast::<T>())
        }
    }

    /// Returns the value of [`Call::site_cache`] if an earlier call made it.
    ///
    /// # Safety
    /// The function must cache a value of this type.
    #[inline]
    pub unsafe fn known_site<T>(&self) -> Option<&T> {
        // SAFETY: by the caller, and as in `site_cache`.
        unsafe { (*(*self.fcinfo).flinfo).fn_extra.cast::<T>().as_ref() }
    }

    /// Returns the text of the running query that calls this transition function of an aggregate, or this function that
    /// returns a set. In a worker, it is the text of the leader. `None` for other calls.
    pub fn query_text(&self) -> Option<&CStr> {
        // SAFETY: see `new`. The tag of a node determines its type. A query keeps its text while it runs.
        unsafe {
            let (context, result) = ((*self.fcinfo).context, (*self.fcinfo).resultinfo);
            let state = if !context.is_null() && (*context).type_ == pg_sys::NodeTag::T_AggState {
                (*context.cast::<pg_sys::AggState>()).ss.ps.state
            } else if !result.is_null() && (*result).type_ == pg_sys::NodeTag::T_ReturnSetInfo {
                (*result.cast::<pg_sys::ReturnSetInfo>()).econtext.as_ref()?.ecxt_estate
            } else {
                return None;
            };
            let text = state.as_ref()?.es_sourceText;
            (!text.is_null()).then(|| CStr::from_ptr(text))
        }
    }

    /// The memory context that lives as long as the call site.
    pub fn site_context(&self) -> pg_sys::MemoryContext {
        // SAFETY: see `site_cache`.
        unsafe { (*(*self.fcinfo).flinfo).fn_mcxt }
    }

    /// The type that SQL declares this function to return.
    pub fn result_type(&self) -> Result<pg_sys::Oid, TravelError> {
        // SAFETY: see `site_cache`; a catalog look-up of what is found to be there.
        unsafe {
            let function = (*(*self.fcinfo).flinfo).fn_oid;
            let procedures = pg_sys::SysCacheIdentifier::PROCOID as i32;
            let none = pg_sys::Datum::from(0_usize);
            if !pg_sys::SearchSysCacheExists(procedures, pg_sys::Datum::from(function), none, none, none) {
                return Err(UsageError::ExtensionDropped.into());
            }
            Ok(pg_sys::get_func_rettype(function))
        }
    }

    /// Whether an argument has the same value in every call of this call site, because it is a constant or a parameter
    /// of the query.
    pub fn is_stable(&self, n: usize) -> bool {
        // SAFETY: see `site_cache`.
        unsafe { pg_sys::get_fn_expr_arg_stable((*self.fcinfo).flinfo, n as i32) }
    }
}

/// The content of a variable-length value, decompressed and without its header. It is copied only if it is compressed
/// or stored out of line.
///
/// # Safety
/// `datum` must be a variable-length value.
#[inline]
pub unsafe fn varlena_bytes<'a>(datum: pg_sys::Datum) -> &'a [u8] {
    // SAFETY: by the caller. Most values are plain, which needs no call of PostgreSQL.
    unsafe {
        if let Some(bytes) = plain_bytes(datum) {
            return bytes;
        }
        let varlena = pg_sys::pg_detoast_datum_packed(datum.cast_mut_ptr());
        std::slice::from_raw_parts(
            pgrx::varlena::vardata_any(varlena).cast(),
            pgrx::varlena::varsize_any_exhdr(varlena),
        )
    }
}

/// Returns the content of a variable-length value that is neither compressed nor stored out of line, and `None` for any
/// other value. This function does not call PostgreSQL.
///
/// # Safety
/// `datum` must be a variable-length value.
#[inline]
pub unsafe fn plain_bytes<'a>(datum: pg_sys::Datum) -> Option<&'a [u8]> {
    // SAFETY: by the caller.
    unsafe {
        let varlena = datum.cast_mut_ptr::<pg_sys::varlena>();
        let (header, size) = if pgrx::varlena::varatt_is_1b(varlena) {
            if pgrx::varlena::varatt_is_1b_e(varlena) {
                return None;
            }
            (pg_sys::VARHDRSZ_SHORT, pgrx::varlena::varsize_1b(varlena))
        } else if pgrx::varlena::varatt_is_4b_u(varlena) {
            (pg_sys::VARHDRSZ, pgrx::varlena::varsize_4b(varlena))
        } else {
            return None;
        };
        Some(std::slice::from_raw_parts(varlena.cast::<u8>().add(header), size - header))
    }
}

/// The bytes of a text as a string. Installation refuses databases with another encoding than UTF8.
pub fn utf8(bytes: &[u8]) -> Result<&str, TravelError> {
    std::str::from_utf8(bytes).map_err(|_| UsageError::NotUtf8.into())
}

/// A double precision as a datum.
pub fn f64_datum(value: f64) -> pg_sys::Datum {
    pg_sys::Datum::from(value.to_bits())
}
