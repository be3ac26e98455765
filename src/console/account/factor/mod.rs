//! The second factor: a secret as a square for authenticator apps and as text, and recovery codes.

pub mod http;

use std::fmt::Write;

use qrcode::{Color, EcLevel, QrCode};

use crate::error::{Error, Result};
use crate::types::Secret;

/// A square of dark and light, drawn as one path.
pub struct Square {
    /// How many modules it is wide, with the quiet zone around it.
    pub width: usize,
    /// The dark ones.
    pub path: Secret,
}

const QUIET: usize = 4;

/// The square of an address.
///
/// # Errors
/// [`Error::Internal`] where the address is too long for one.
pub fn square(url: &Secret) -> Result<Square> {
    let code = QrCode::with_error_correction_level(url.expose(), EcLevel::M);
    let code = code.map_err(|e| Error::Internal(format!("a QR code: {e}")))?;
    let width = code.width();
    let mut path = String::new();
    for (place, colour) in code.to_colors().into_iter().enumerate() {
        if colour == Color::Dark {
            let (x, y) = (place % width + QUIET, place / width + QUIET);
            write!(path, "M{x} {y}h1v1h-1z").ok();
        }
    }
    Ok(Square {
        width: width + 2 * QUIET,
        path: Secret::new(path),
    })
}

/// A secret in groups of four, as people type it.
#[must_use]
pub fn grouped(secret: &Secret) -> Secret {
    let letters: Vec<char> = secret.expose().chars().collect();
    let groups: Vec<String> = letters.chunks(4).map(String::from_iter).collect();
    Secret::new(groups.join(" "))
}
