//! What is signed of an envelope, byte for byte as PHP has it: against PHP itself.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::prelude::{BASE64_STANDARD, Engine};
use gatehouse::trustedlogin::canonical::{Answer, Value};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::support::php;

/// What PHP says of one text: see `tests/php/canonical.php`.
struct Said {
    arrays: String,
    objects: String,
    signed_arrays: String,
    signed_objects: String,
    signature: String,
}

async fn ask_php(lines: Vec<String>) -> Vec<Said> {
    let said = php::run("canonical.php", &lines).await;
    assert_eq!(said.len(), lines.len());
    let read = |line: &String| {
        let mut fields = line.split('\t').map(str::to_owned);
        let mut next = || fields.next().unwrap();
        Said {
            arrays: next(),
            objects: next(),
            signed_arrays: next(),
            signed_objects: next(),
            signature: next(),
        }
    };
    said.iter().map(read).collect()
}

fn line(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

/// An answer as Connectors get it, with a client's data in it.
fn answer(data: &Value) -> Answer {
    Answer::new([
        ("siteUrl", Value::from("https://kunde.example/straße/")),
        ("identifier", Value::from("c2VhbGVk+/==")),
        ("publicKey", Value::from("ab".repeat(32))),
        ("nonce", Value::from("cd".repeat(24))),
        ("issuedAt", Value::from(1_764_000_000)),
        ("metaData", data.clone()),
        ("signature", Value::from("never signed")),
        ("signaturePublicKey", Value::from("never signed")),
    ])
}

/// Each text is read as PHP reads it, or refused where PHP cannot give it back; an answer with it verifies.
async fn agree(texts: &[String], label: &str) {
    let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let public_key = hex::encode(key.public_key());
    let said = ask_php(texts.iter().map(|text| line(text)).collect()).await;
    let mut answers = Vec::new();
    let mut accepted = Vec::new();
    for (text, php) in texts.iter().zip(said) {
        let read = Value::read(text);
        let both = php.arrays != "!" && php.objects != "!";
        assert_eq!(read.is_ok(), both, "{label}: {text:?}: {:?}", read.err());
        if let Ok(value) = read {
            assert_eq!(value.encode(), php.arrays, "{label}: {text:?}");
            let canonical = answer(&value).canonical();
            let signature = hex::encode(key.sign(canonical.as_bytes()));
            let body = answer(&value).signed(signature);
            answers.push(format!("{} {public_key}", line(&body)));
            accepted.push((text, canonical));
        }
    }
    for ((text, canonical), php) in accepted.iter().zip(ask_php(answers).await) {
        assert_eq!(php.signed_arrays, *canonical, "{label}: {text:?}");
        assert_eq!(php.signed_objects, *canonical, "{label}: {text:?}");
        assert_eq!(php.signature, "holds", "{label}: {text:?}");
    }
}

fn nested(levels: usize, open: &str, close: &str) -> String {
    format!("{}{}", open.repeat(levels), close.repeat(levels))
}

/// What PHP reads or writes in ways of its own, and what it refuses.
const NASTY: &[&str] = &[
    // Nothing in it, one way or another.
    "[]",
    "{}",
    "[[]]",
    "[{}]",
    r#"{"a":{}}"#,
    r#"{"a":[]}"#,
    " [ ] ",
    "null",
    "true",
    "false",
    "\"\"",
    "",
    // Lists in the dress of objects.
    r#"{"0":1,"1":2}"#,
    r#"{"1":1,"0":2}"#,
    r#"{"0":1,"2":2}"#,
    r#"{"0":1,"0":2}"#,
    r#"{"1":1}"#,
    r#"{"00":1}"#,
    r#"{"-0":1}"#,
    r#"{"0":{"0":{}}}"#,
    r#"{"0 ":1}"#,
    r#"{"0":1,"1":2,"a":3}"#,
    r#"{"\u0030":1}"#,
    r#"{"9223372036854775807":1,"9223372036854775808":2,"-9223372036854775808":3}"#,
    // Names.
    r#"{"":1}"#,
    r#"{"a":1,"b":2,"a":3}"#,
    r#"{"a":1,"\u0061":2}"#,
    r#"{"\u0000a":1}"#,
    r#"{"a\u0000":1}"#,
    r#"{"\u0000":1}"#,
    r#"{"/":"\/","é":"\u00e9"}"#,
    r#"{"_empty_":1}"#,
    r#"{"b":1,"a":2,"B":3,"10":4,"9":5}"#,
    r#"{"signature":"x"}"#,
    // Integers.
    "0",
    "1",
    "-1",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "123456789012345678901234567890",
    "9007199254740993",
    "01",
    "-",
    "+1",
    "0x10",
    "1_000",
    // Floats.
    "-0.0",
    "-0e0",
    "0.0",
    "0e5",
    "1.0",
    "1.50",
    "1e0",
    "1E2",
    "1e+2",
    "1e-2",
    "100000.0",
    "1e14",
    "1e15",
    "1e16",
    "1e17",
    "1e18",
    "12345678901234567.0",
    "123456789012345678.0",
    "0.1",
    "0.30000000000000004",
    "0.0001",
    "0.00012345",
    "0.00001",
    "1e-7",
    "1.0e+25",
    "1e23",
    "9.5367431640625e-07",
    "5e-324",
    "2.2250738585072011e-308",
    "2.2250738585072014e-308",
    "1.7976931348623157e308",
    "1.7976931348623159e308",
    "1e400",
    "-1e400",
    "1e-400",
    "-1e-400",
    "3.141592653589793",
    "0.5",
    "1.",
    ".5",
    "1e",
    "NaN",
    "Infinity",
    "179769313486231570000000000000000000000",
    "4.35",
    "1.005",
    "2.5e-5",
    "1e22",
    "9007199254740992.0",
    "9007199254740993.0",
    "3501387712838.90625",
    // Texts.
    r#""\/ / \\ \" \b\f\n\r\t \u0000 \u001f \u007f \u0080""#,
    "\"\u{7f}\u{80}\u{a0}\"",
    r#""\u2028\u2029""#,
    "\"\u{2028}\u{2029}\u{2027}\u{202a}\"",
    r#""\ud83d\ude00""#,
    "\"😀\u{10ffff}\u{ffff}\u{fffe}\u{feff}\"",
    r#""\ud800""#,
    r#""\udc00""#,
    r#""\ud83d\u0041""#,
    r#""\ud83d\ud83d""#,
    r#""<a href='x'>&amp;</a>""#,
    "\"a\nb\"",
    "\"a\u{1}b\"",
    r#""\x""#,
    r#""\u12""#,
    r#""\u00E9\uABCD""#,
    "\"e\u{301}\"",
    "\"1.0\"",
    "\"1e400\"",
    // No JSON.
    "[1,]",
    "{\"a\":1,}",
    "{a:1}",
    "'a'",
    "[1 2]",
    "[1][2]",
    "\u{feff}[]",
    "\u{a0}[]",
    "[1]\0",
    "tru",
    "[",
    "nul",
];

#[tokio::test]
async fn nasty_values_are_read_and_written_as_php_does() {
    let mut texts: Vec<String> = NASTY.iter().map(|text| (*text).to_owned()).collect();
    texts.push(nested(127, "[", "]"));
    texts.push(nested(126, "{\"a\":", "}").replacen('}', "1}", 1));
    texts.push(format!(
        "[{}]",
        "{\"0\":[{}],\"1\":1.0},".repeat(500).trim_end_matches(',')
    ));
    agree(&texts, "fixed").await;
}

#[test]
fn minus_zero_without_a_fraction_is_a_float() {
    // PHP 8 reads 0. Nobody who is told -0.0 reads that otherwise.
    assert_eq!(Value::read("-0").unwrap().encode(), "-0.0");
    // PHP goes four times as deep.
    assert!(Value::read(&nested(128, "[", "]")).is_err());
}

fn integer(rng: &mut StdRng) -> String {
    let border = *[
        0,
        1 << 31,
        1 << 53,
        i128::from(i64::MAX),
        i128::from(u64::MAX),
    ]
    .choose(rng)
    .unwrap();
    let number = border + i128::from(rng.random_range(-3..=3_i8));
    let number = if rng.random() { number } else { -number };
    match rng.random_range(0..4_u8) {
        0 => rng.random::<i64>().to_string(),
        1 => rng.random_range(-9_999..9_999_i32).to_string(),
        2 => rng.random::<i128>().to_string(),
        _ => number.to_string(),
    }
}

fn float(rng: &mut StdRng) -> String {
    let bits = f64::from_bits(rng.random());
    let power = 2_f64.powi(rng.random_range(-1_074..1_024));
    match rng.random_range(0..7_u8) {
        0 => format!("{bits:e}"),
        1 => format!("{bits:.20e}"),
        2 => format!("{power:e}"),
        3 => format!(
            "{}{}E{}",
            rng.random::<i64>(),
            [".0", ".5", "", ".000"].choose(rng).unwrap(),
            rng.random_range(-340..290)
        ),
        4 => format!(
            "{:.*}",
            rng.random_range(1..18_usize),
            rng.random_range(-1e6..1e6_f64)
        ),
        5 => format!("{:?}", rng.random_range(-1e14..1e14_f64).trunc() / 128.0),
        _ => format!(
            "0.{}{}",
            "0".repeat(rng.random_range(0..9)),
            rng.random::<u64>()
        ),
    }
}

fn character(rng: &mut StdRng) -> char {
    let last = *[0x7f, 0xff, 0x2030, 0xffff, 0x10_ffff].choose(rng).unwrap();
    let first = if last == 0x2030 { 0x2020 } else { 0 };
    char::from_u32(rng.random_range(first..=last)).unwrap_or('/')
}

/// A text, its characters written in one of the ways there are.
fn text(rng: &mut StdRng) -> String {
    let mut out = String::from("\"");
    for _ in 0..rng.random_range(0..12_u8) {
        let character = character(rng);
        let must = character < ' ' || "\"\\".contains(character);
        if must || rng.random_bool(0.3) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let (lower, upper) = (format!("\\u{unit:04x}"), format!("\\u{unit:04X}"));
                out += if rng.random() { &lower } else { &upper };
            }
        } else if character == '/' && rng.random() {
            out += "\\/";
        } else {
            out.push(character);
        }
    }
    out.push('"');
    out
}

fn name(rng: &mut StdRng) -> String {
    match rng.random_range(0..6_u8) {
        0 => text(rng),
        1 | 2 => format!("\"{}\"", rng.random_range(0..3_u8)),
        3 => format!("\"{}\"", integer(rng)),
        4 => "\"\"".to_owned(),
        _ => format!(
            "\"{}\"",
            ["a", "b", "signature", "0.5", "1e3", "true"]
                .choose(rng)
                .unwrap()
        ),
    }
}

fn value(rng: &mut StdRng, depth: u8) -> String {
    let white = ["", "", "", " ", "\t", "\r\n "];
    let kinds = if depth == 0 { 5 } else { 9 };
    let value = match rng.random_range(0..kinds) {
        0 => (*["null", "true", "false"].choose(rng).unwrap()).to_owned(),
        1 => integer(rng),
        2 | 3 => float(rng),
        4 => text(rng),
        5 | 6 => {
            let values: Vec<String> = (0..rng.random_range(0..4_u8))
                .map(|_| value(rng, depth - 1))
                .collect();
            format!("[{}]", values.join(","))
        }
        _ => {
            let field = |place: usize, rng: &mut StdRng, counts: bool| {
                let name = if counts {
                    format!("\"{place}\"")
                } else {
                    name(rng)
                };
                format!("{name}:{}", value(rng, depth - 1))
            };
            let counts = rng.random_bool(0.3);
            let fields: Vec<String> = (0..rng.random_range(0..5_usize))
                .map(|place| field(place, rng, counts))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
    };
    let white = white.choose(rng).unwrap();
    format!("{white}{value}{white}")
}

/// What PHP reads as another number than we do, as the table in the module says.
fn is_minus_zero(text: &str) -> bool {
    let bytes = text.as_bytes();
    text.match_indices("-0").any(|(place, _)| {
        let next = bytes.get(place + 2).copied().unwrap_or(b' ');
        !(next.is_ascii_digit() || b".eE\"".contains(&next))
    })
}

#[tokio::test]
async fn thousands_of_values_are_read_and_written_as_php_does() {
    let number = |name: &str| std::env::var(name).ok()?.parse().ok();
    let seed = number("CANONICAL_SEED").unwrap_or_else(rand::random);
    let values = number("DRILL_VALUES").unwrap_or(6_000);
    let mut rng = StdRng::seed_from_u64(seed);
    for batch in 0..values.div_ceil(20_000) {
        let texts = (0..values.min(20_000)).map(|_| value(&mut rng, 4));
        let texts: Vec<String> = texts.filter(|text| !is_minus_zero(text)).collect();
        agree(&texts, &format!("CANONICAL_SEED={seed}, batch {batch}")).await;
    }
}
