//! Signature headers: a message is taken where its signature is ours, and nothing near it is.

use gatehouse::webhooks::{Headers, SigningSecret, TOLERANCE_SECONDS, verify};

const NOW: i64 = 1_800_000_000;

fn secrets() -> [SigningSecret; 2] {
    [[1; 32], [2; 32]].map(SigningSecret::from)
}

/// On lines: id, time, signatures; then the body.
pub fn holds(data: &[u8]) {
    let mut parts = data.splitn(4, |byte| *byte == b'\n');
    let mut text = || std::str::from_utf8(parts.next().unwrap_or_default());
    let (Ok(id), Ok(timestamp), Ok(signature)) = (text(), text(), text()) else {
        return;
    };
    let body = parts.next().unwrap_or_default();
    let headers = Headers {
        id,
        timestamp,
        signature,
    };
    as_it_came(headers, body);
    signed_here(headers, body);
}

fn is_id(id: &str) -> bool {
    (1..=256).contains(&id.len()) && id.chars().all(|c| matches!(c, '!'..='-' | '/'..='~'))
}

fn time(text: &str) -> Option<i64> {
    let sent: i64 = text.parse().ok()?;
    let right = text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit());
    (right && (sent - NOW).abs() <= TOLERANCE_SECONDS).then_some(sent)
}

/// Taken exactly where a signature that one of the secrets makes stands in the header.
fn as_it_came(headers: Headers<'_>, body: &[u8]) {
    let right = time(headers.timestamp)
        .filter(|_| is_id(headers.id))
        .and_then(|sent| {
            secrets().iter().position(|secret| {
                let ours = secret.sign(headers.id, sent, body);
                headers.signature.split(' ').any(|one| one == ours)
            })
        });
    // Ours is made of the number; one with zeros before it says another text.
    if !headers.timestamp.starts_with('0') {
        assert_eq!(verify(&secrets(), headers, body, NOW).ok(), right);
    }
}

/// Our own signature is found between whatever else stands in the header, and holds for nothing but what it was made of.
fn signed_here(headers: Headers<'_>, body: &[u8]) {
    let Some(sent) = time(headers.timestamp).filter(|_| is_id(headers.id)) else {
        return;
    };
    let (secrets, timestamp) = (secrets(), sent.to_string());
    let ours = secrets[1].sign(headers.id, sent, body);
    let beside = format!("{} {ours} {}", headers.signature, headers.signature);
    let with = |id, timestamp, signature, body: &[u8]| {
        verify(
            &secrets[1..],
            Headers {
                id,
                timestamp,
                signature,
            },
            body,
            NOW,
        )
        .is_ok()
    };
    assert!(with(headers.id, &timestamp, &beside, body));
    assert!(
        verify(
            &secrets[..1],
            Headers {
                signature: &ours,
                timestamp: &timestamp,
                ..headers
            },
            body,
            NOW
        )
        .is_err()
    );
    let (id, other_time) = (format!("{}0", headers.id), (sent ^ 1).to_string());
    assert!(!with(&id, &timestamp, &ours, body));
    assert!(!with(headers.id, &other_time, &ours, body));
    for at in [0, body.len() / 2, body.len().saturating_sub(1)] {
        let mut altered = body.to_vec();
        match altered.get_mut(at) {
            Some(byte) => *byte ^= 1,
            None => altered.push(b' '),
        }
        assert!(!with(headers.id, &timestamp, &ours, &altered), "at {at}");
    }
    // What moves over a dot is another message.
    let longer = [b"0.", body].concat();
    assert!(!with(headers.id, &timestamp, &ours, &longer));
    let place = 3 + usize::from(body.first().copied().unwrap_or_default()) % (ours.len() - 3);
    let mut altered = ours.clone().into_bytes();
    altered[place] = if altered[place] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).expect("base64");
    assert!(!with(headers.id, &timestamp, &altered, body), "{altered}");
    assert!(!with(headers.id, &timestamp, &altered[..place], body));
}
