//! Texts on their way to C and from there.

use std::ffi::{CStr, c_char};

use gatehouse_client::{Error, Result};
use zeroize::Zeroizing;

/// A text that ends with a zero byte, wiped when dropped.
pub(crate) struct Text(Zeroizing<Vec<u8>>);

impl Text {
    /// # Errors
    /// Where the text holds a zero byte, which C would take for its end.
    pub(crate) fn new(text: &str) -> Result<Self> {
        if text.as_bytes().contains(&0) {
            return Err(Error::Malformed(
                "a text holds a zero byte, which C cannot take".to_owned(),
            ));
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() + 1));
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
        Ok(Self(bytes))
    }

    /// Without the zero bytes, for texts that are only for people.
    pub(crate) fn lossy(text: &str) -> Self {
        let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() + 1));
        bytes.extend(text.bytes().filter(|byte| *byte != 0));
        bytes.push(0);
        Self(bytes)
    }

    pub(crate) fn optional(text: Option<&str>) -> Result<Option<Self>> {
        text.map(Self::new).transpose()
    }

    pub(crate) fn as_ptr(&self) -> *const c_char {
        self.0.as_ptr().cast()
    }
}

/// The pointer to a text that may be missing.
pub(crate) fn pointer(text: Option<&Text>) -> *const c_char {
    text.map_or(std::ptr::null(), Text::as_ptr)
}

/// A text from C that may be NULL.
///
/// # Safety
/// `text` is NULL or points to bytes that end with a zero and stay for `'a`.
pub(crate) unsafe fn optional<'a>(text: *const c_char, name: &str) -> Result<Option<&'a str>> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: It is not NULL, and the caller promises the rest.
    let bytes = unsafe { CStr::from_ptr(text) };
    bytes
        .to_str()
        .map(Some)
        .map_err(|_| Error::InvalidArgument(format!("{name} is no UTF-8")))
}

/// A text from C that must be there.
///
/// # Safety
/// As for [`optional`].
pub(crate) unsafe fn needed<'a>(text: *const c_char, name: &str) -> Result<&'a str> {
    // SAFETY: The caller promises the same.
    unsafe { optional(text, name) }?
        .ok_or_else(|| Error::InvalidArgument(format!("{name} is NULL")))
}
