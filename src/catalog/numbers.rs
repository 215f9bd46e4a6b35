//! Enumerations as the management API has them: a name and a number for each value.

macro_rules! numbered {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// All values.
            pub const ALL: &[$name] = &[$($name::$variant),*];

            /// Its number on the wire.
            pub const fn number(self) -> i32 {
                match self { $($name::$variant => $number,)* }
            }

            /// Its name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }

            /// The value of that number.
            pub fn from_number(number: i64) -> Option<$name> {
                $name::ALL.iter().copied().find(|value| i64::from(value.number()) == number)
            }

            /// The value of that name, in any case.
            pub fn from_name(name: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|value| value.name().eq_ignore_ascii_case(name))
            }
        }
    )*};
}

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident $all:literal { $($(#[$flag_doc:meta])* $flag:ident = $bit:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(u32);

        impl $name {
            /// None of them.
            pub const NONE: $name = $name(0);
            $($(#[$flag_doc])* pub const $flag: $name = $name($bit);)*

            /// The flags of this number; `None` if it has bits that mean nothing.
            pub const fn from_bits(bits: i64) -> Option<$name> {
                if bits >= 0 && bits & !($all) == 0 { Some($name(bits as u32)) } else { None }
            }

            /// The number on the wire.
            pub const fn bits(self) -> u32 {
                self.0
            }

            /// True if all flags of `other` are set.
            pub const fn contains(self, other: $name) -> bool {
                self.0 & other.0 == other.0
            }

            /// True if any flag of `other` is set.
            pub const fn intersects(self, other: $name) -> bool {
                self.0 & other.0 != 0
            }

            /// True without flags.
            pub const fn is_none(self) -> bool {
                self.0 == 0
            }
        }

        impl std::ops::BitOr for $name {
            type Output = $name;

            fn bitor(self, other: $name) -> $name {
                $name(self.0 | other.0)
            }
        }
    )*};
}

pub(super) use {flags, numbered};
