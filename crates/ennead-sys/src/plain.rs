//! Types whose values are their bytes, and nothing but bytes.

#![allow(unsafe_code, reason = "views values as bytes and back")]

use std::mem::MaybeUninit;
use std::slice;

/// Data that any bytes are a value of: what may lie in memory where anybody may write anything. Integers, floats and arrays of them are plain; structs become plain by
/// [`plain_struct!`](crate::plain_struct).
///
/// # Safety
/// Any bytes are a value of the type, and every byte of a value is initialised: no padding, no references, no cells, no enumerations.
pub unsafe trait Plain: Copy + 'static {}

macro_rules! plain {
    ($($number:ty)*) => {$(
        // SAFETY: a number without padding, for which all bit patterns are valid.
        unsafe impl Plain for $number {}
    )*};
}

plain!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64);

// SAFETY: nothing is between the elements of an array.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}

/// Declares structs that are [`Plain`]: `#[repr(C)]`, of fields that are, without padding between or behind them, which is checked when they are compiled. Where there would be some,
/// name it: `reserved: [u8; 4]`.
///
/// ```
/// ennead_sys::plain_struct! {
///     /// A row of a price board.
///     #[derive(Debug, PartialEq)]
///     pub struct Price {
///         pub part: u32,
///         pub stock: u32,
///         pub cents: i64,
///     }
/// }
/// assert_eq!(size_of::<Price>(), 16);
/// ```
///
/// ```compile_fail
/// // Four bytes of padding behind `part`.
/// ennead_sys::plain_struct! { struct Price { part: u32, cents: i64 } }
/// ```
#[macro_export]
macro_rules! plain_struct {
    ($(
        $(#[$attribute:meta])*
        $visible:vis struct $name:ident {
            $( $(#[$field_attribute:meta])* $field_visible:vis $field:ident : $type:ty ),+ $(,)?
        }
    )+) => {$(
        $(#[$attribute])*
        #[derive(Clone, Copy)]
        #[repr(C)]
        $visible struct $name {
            $( $(#[$field_attribute])* $field_visible $field : $type ),+
        }

        const _: () = {
            const fn is_plain<T: $crate::plain::Plain>() {}
            $( is_plain::<$type>(); )+
            assert!(
                size_of::<$name>() == 0 $( + size_of::<$type>() )+,
                "the struct has padding: name it, as a field of bytes",
            );
        };

        // SAFETY: all fields are plain, and by their sizes there is nothing between or behind them, as was just checked.
        unsafe impl $crate::plain::Plain for $name {}
    )+};
}

/// The bytes of a value.
#[inline]
pub fn bytes_of<T: Plain>(value: &T) -> &[u8] {
    // SAFETY: as many initialised bytes as the value has; plain types have no cells, so they stay as they are while borrowed.
    unsafe { slice::from_raw_parts(std::ptr::from_ref(value).cast(), size_of::<T>()) }
}

/// The bytes of a value, to be changed.
#[inline]
pub fn bytes_of_mut<T: Plain>(value: &mut T) -> &mut [u8] {
    // SAFETY: as above; whatever is written there is a value.
    unsafe { slice::from_raw_parts_mut(std::ptr::from_mut(value).cast(), size_of::<T>()) }
}

/// The value whose bytes are all zero.
#[must_use]
#[inline]
pub fn zeroed<T: Plain>() -> T {
    // SAFETY: any bytes are a value.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_their_bytes() {
        let mut pair = [0x0102_0304_u32.to_le(), 5u32.to_le()];
        assert_eq!(bytes_of(&pair), [4, 3, 2, 1, 5, 0, 0, 0]);
        bytes_of_mut(&mut pair)[4] = 7;
        assert_eq!(pair[1], 7u32.to_le());
        assert!(zeroed::<[f64; 3]>().iter().all(|number| *number == 0.0));
    }
}
