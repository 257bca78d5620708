//! JSON decoding with the tolerance of Docker's decoder (Go's `encoding/json`).
//!
//! - `null` leaves a field at its zero value, whatever its type;
//! - object keys match field names exactly, or else without regard to ASCII case;
//! - unknown keys are ignored, and a missing field is its default (every wire type says `#[serde(default)]`).
//!
//! [`Lenient`] wraps any serde deserializer and works while streaming: nothing is buffered.

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Decodes one JSON document.
///
/// # Errors
/// The document is not JSON, has data after its end, or a value has the wrong type.
pub fn from_slice<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> serde_json::Result<T> {
    let mut inner = serde_json::Deserializer::from_slice(bytes);
    let value = T::deserialize(Lenient(&mut inner))?;
    inner.end()?;
    Ok(value)
}

/// Decodes a [`serde_json::Value`].
///
/// # Errors
/// A value has the wrong type.
pub fn from_value<T: for<'de> Deserialize<'de>>(value: &serde_json::Value) -> serde_json::Result<T> {
    T::deserialize(Lenient(value))
}

/// Serialises as an empty object: the value type of Docker's sets (`ExposedPorts`, `Volumes`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Empty {}

/// A set as Docker writes it: an object with empty objects as values.
pub type Set = std::collections::BTreeMap<String, Empty>;

/// Reads a command line given as one string or as a list, as Docker accepts for `Cmd`, `Entrypoint` and `Shell`.
pub(crate) fn string_or_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    struct StringOrList;
    impl<'de> Visitor<'de> for StringOrList {
        type Value = Option<Vec<String>>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string or a list of strings")
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_none<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
            Ok(Some(vec![v.to_owned()]))
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut list = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(64));
            while let Some(item) = seq.next_element()? {
                list.push(item);
            }
            Ok(Some(list))
        }
    }
    deserializer.deserialize_any(StringOrList)
}

/// `skip_serializing_if` for values left out when they are their type's zero value (Go's `omitempty`).
pub(crate) fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A deserializer that reads `null` as the zero value of what is asked for and matches keys without regard to case.
pub struct Lenient<D>(pub D);

/// Passes `null` on as the zero value `$zero`, everything else to the wrapped deserializer.
macro_rules! null_is {
    ($($method:ident => $null:ident;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            struct Nullable<V>(V);
            impl<'de, V: Visitor<'de>> Visitor<'de> for Nullable<V> {
                type Value = V::Value;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    self.0.expecting(f)
                }
                fn visit_none<E: serde::de::Error>(self) -> Result<V::Value, E> {
                    zero::$null(self.0)
                }
                fn visit_unit<E: serde::de::Error>(self) -> Result<V::Value, E> {
                    zero::$null(self.0)
                }
                fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<V::Value, D::Error> {
                    d.$method(Wrap(self.0))
                }
            }
            self.0.deserialize_option(Nullable(visitor))
        }
    )*};
}

/// What a visitor is given in place of `null`.
mod zero {
    use serde::de::value::{MapDeserializer, SeqDeserializer};
    use serde::de::{Error, Visitor};

    pub(super) fn boolean<'de, V: Visitor<'de>, E: Error>(v: V) -> Result<V::Value, E> {
        v.visit_bool(false)
    }
    pub(super) fn number<'de, V: Visitor<'de>, E: Error>(v: V) -> Result<V::Value, E> {
        v.visit_u64(0)
    }
    pub(super) fn float<'de, V: Visitor<'de>, E: Error>(v: V) -> Result<V::Value, E> {
        v.visit_f64(0.0)
    }
    pub(super) fn string<'de, V: Visitor<'de>, E: Error>(v: V) -> Result<V::Value, E> {
        v.visit_str("")
    }
    pub(super) fn seq<'de, V: Visitor<'de>, E: Error>(v: V) -> Result<V::Value, E> {
        v.visit_seq(SeqDeserializer::new(std::iter::empty::<()>()))
    }
    pub(super) fn map<'de, V: Visitor<'de>, E: Error>(v: V) -> Result<V::Value, E> {
        v.visit_map(MapDeserializer::new(std::iter::empty::<((), ())>()))
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Lenient<D> {
    type Error = D::Error;

    null_is! {
        deserialize_bool => boolean;
        deserialize_i8 => number; deserialize_i16 => number; deserialize_i32 => number; deserialize_i64 => number;
        deserialize_u8 => number; deserialize_u16 => number; deserialize_u32 => number; deserialize_u64 => number;
        deserialize_f32 => float; deserialize_f64 => float;
        deserialize_str => string; deserialize_string => string;
        deserialize_seq => seq; deserialize_map => map;
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.deserialize_map(Struct { visitor, fields })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(Wrap(visitor))
    }
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_option(Wrap(visitor))
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, v: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_newtype_struct(name, Wrap(v))
    }
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_enum(name, variants, Wrap(visitor))
    }
    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple(len, Wrap(visitor))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_ignored_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        char bytes byte_buf unit unit_struct tuple_struct identifier i128 u128
    }
}

/// Hands the wrapped visitor accessors that are lenient in turn.
struct Wrap<V>(V);

macro_rules! forward {
    ($($method:ident($t:ty);)*) => {$(
        fn $method<E: serde::de::Error>(self, v: $t) -> Result<V::Value, E> {
            self.0.$method(v)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Wrap<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    forward! {
        visit_bool(bool); visit_i64(i64); visit_u64(u64); visit_f64(f64);
        visit_str(&str); visit_borrowed_str(&'de str); visit_string(String);
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }
    fn visit_none<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }
    fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Lenient(d))
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(self, d: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Lenient(d))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(LenientSeq(seq))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(LenientMap(map))
    }
    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(data)
    }
}

/// Visits an object as a struct: keys are matched against `fields`.
struct Struct<V> {
    visitor: V,
    fields: &'static [&'static str],
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Struct<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(Fields { map, names: self.fields })
    }
}

struct LenientSeq<A>(A);

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for LenientSeq<A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        self.0.next_element_seed(LenientSeed(seed))
    }
    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

/// An object whose values are read leniently; keys are passed as they are.
struct LenientMap<A>(A);

impl<'de, A: MapAccess<'de>> MapAccess<'de> for LenientMap<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        self.0.next_key_seed(seed)
    }
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.0.next_value_seed(LenientSeed(seed))
    }
    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

/// An object read as a struct: a key that differs from a field's name only by case is replaced by that name.
struct Fields<A> {
    map: A,
    names: &'static [&'static str],
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Fields<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let Some(key) = self.map.next_key::<Cow<'de, str>>()? else { return Ok(None) };
        let exact = self.names.iter().any(|name| *name == key);
        let folded = if exact { None } else { self.names.iter().find(|name| name.eq_ignore_ascii_case(&key)) };
        match folded {
            Some(name) => seed.deserialize((*name).into_deserializer()).map(Some),
            None => seed.deserialize(key.into_deserializer()).map(Some),
        }
    }
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

struct LenientSeed<S>(S);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for LenientSeed<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Lenient(deserializer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, rename_all = "PascalCase")]
    struct Inner {
        count: u32,
        names: Vec<String>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, rename_all = "PascalCase")]
    struct Outer {
        name: String,
        flag: bool,
        list: Option<Vec<String>>,
        inner: Inner,
        map: BTreeMap<String, Inner>,
        choice: Option<Inner>,
        #[serde(deserialize_with = "string_or_list")]
        cmd: Option<Vec<String>>,
        any: serde_json::Value,
    }

    #[test]
    fn null_is_the_zero_value_everywhere() {
        let text =
            br#"{"Name":null,"Flag":null,"List":null,"Inner":null,"Map":null,"Choice":null,"Cmd":null,"Any":null}"#;
        assert_eq!(from_slice::<Outer>(text).unwrap(), Outer::default());
        let nested = br#"{"Inner":{"Count":null,"Names":["a",null]},"Map":{"x":null,"y":{"count":3}},"Choice":{}}"#;
        let outer: Outer = from_slice(nested).unwrap();
        assert_eq!(outer.inner.names, ["a", ""]);
        assert_eq!(outer.map["x"], Inner::default());
        assert_eq!(outer.map["y"].count, 3);
        assert_eq!(outer.choice, Some(Inner::default()));
        assert_eq!(from_slice::<Outer>(b"null").unwrap(), Outer::default());
    }

    #[test]
    fn keys_match_without_case_and_unknown_keys_are_ignored() {
        let outer: Outer = from_slice(br#"{"NAME":"a","inner":{"COUNT":1,"Other":[{}]},"More":{"x":[1]}}"#).unwrap();
        assert_eq!((outer.name.as_str(), outer.inner.count), ("a", 1));
        let map: BTreeMap<String, u8> = from_slice(br#"{"Key":1,"key":2}"#).unwrap();
        assert_eq!(map.len(), 2, "keys of maps keep their case");
    }

    #[test]
    fn commands_may_be_a_string_or_a_list() {
        let outer: Outer = from_slice(br#"{"Cmd":"ls -l"}"#).unwrap();
        assert_eq!(outer.cmd, Some(vec!["ls -l".to_owned()]));
        let outer: Outer = from_slice(br#"{"Cmd":["ls","-l"]}"#).unwrap();
        assert_eq!(outer.cmd.unwrap().len(), 2);
        assert!(from_slice::<Outer>(br#"{"Cmd":3}"#).is_err());
    }

    #[test]
    fn wrong_types_and_trailing_data_are_errors() {
        assert!(from_slice::<Outer>(br#"{"Name":1}"#).is_err());
        assert!(from_slice::<Outer>(br#"{"Inner":{"Count":"1"}}"#).is_err());
        assert!(from_slice::<Outer>(b"{} x").is_err());
        assert!(from_slice::<Outer>(b"").is_err());
    }

    #[test]
    fn values_decode_like_bytes() {
        let value = serde_json::json!({"name": "n", "Inner": null, "Any": {"k": [1, null]}});
        let outer: Outer = from_value(&value).unwrap();
        assert_eq!(outer.name, "n");
        assert_eq!(outer.any, serde_json::json!({"k": [1, null]}));
    }
}
