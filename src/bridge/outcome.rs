//! Expected failures as data: `{ ok }` or `{ error }`. The facade builds the exception, in the caller's realm.

use crate::error::{Error, Result};
use napi::bindgen_prelude::{Object, ToNapiValue, TypeName};
use napi::{Env, JsValue, ValueType, sys};

/// A result on its way to JavaScript.
pub struct Outcome<T>(pub Result<T>);

impl<T> From<Result<T>> for Outcome<T> {
    fn from(result: Result<T>) -> Self {
        Self(result)
    }
}

/// An [`Error`] as JavaScript sees it.
#[napi_derive::napi(object, object_from_js = false)]
pub struct ErrorData {
    /// Name of the exception, or `SdpSyntaxError` for an RTCError.
    #[napi(ts_type = "ErrorKind")]
    pub kind: &'static str,
    /// For people.
    pub message: String,
    /// 1-based line of malformed SDP.
    pub sdp_line: Option<u32>,
}

impl From<Error> for ErrorData {
    fn from(error: Error) -> Self {
        Self { kind: error.kind.name(), message: error.message, sdp_line: error.sdp_line }
    }
}

impl<T> TypeName for Outcome<T> {
    fn type_name() -> &'static str {
        "Outcome"
    }

    fn value_type() -> ValueType {
        ValueType::Object
    }
}

impl<T: ToNapiValue> ToNapiValue for Outcome<T> {
    unsafe fn to_napi_value(env: sys::napi_env, outcome: Self) -> napi::Result<sys::napi_value> {
        let mut object = Object::new(&Env::from_raw(env))?;
        match outcome.0 {
            Ok(value) => object.set("ok", value)?,
            Err(error) => object.set("error", ErrorData::from(error))?,
        }
        Ok(object.raw())
    }
}
