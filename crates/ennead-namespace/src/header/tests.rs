use super::*;

fn sample() -> Header {
    let mut command = [0; 16];
    command[..4].copy_from_slice(b"prog");
    let mut writer = [0; 16];
    writer[..5].copy_from_slice(b"0.1.0");
    Header {
        mode: 0o640,
        entry: 0x0102_0304_0506_0708,
        owner: 0x1112_1314_1516_1718,
        pid: 0x2122_2324,
        uid: 1000,
        command,
        created: 0x3132_3334_3536_3738,
        body_tag: 0x4142_4344,
        body_version: 9,
        name: (128, 6),
        descriptor: (136, 20),
        body: (192, 64),
        writer,
    }
}

/// Layout 2, byte for byte. A change here is another layout.
const GOLDEN: [u8; FIXED] = *b"\x89ENNEAD\n\x02\0\0\0\0\0\0\0\
    \0\0\0\0\xa0\x01\0\0\x08\x07\x06\x05\x04\x03\x02\x01\
    \x18\x17\x16\x15\x14\x13\x12\x11\x24\x23\x22\x21\xe8\x03\0\0\
    prog\0\0\0\0\0\0\0\0\0\0\0\0\
    \x38\x37\x36\x35\x34\x33\x32\x31\x44\x43\x42\x41\x09\0\0\0\
    \x80\0\0\0\x06\0\0\0\x88\0\0\0\x14\0\0\0\
    \xc0\0\0\0\0\0\0\0\x40\0\0\0\0\0\0\0\
    0.1.0\0\0\0\0\0\0\0\0\0\0\0";

#[test]
fn the_layout_is_pinned() {
    assert_eq!(sample().encode(), GOLDEN);
    assert_eq!(Header::decode(&GOLDEN, 256).unwrap(), sample());
}

#[test]
fn another_layout_is_refused_and_both_versions_are_named() {
    let mut bytes = GOLDEN;
    bytes[8] = 3;
    bytes[112..117].copy_from_slice(b"7.8.9");
    let text = Header::decode(&bytes, 256).unwrap_err().to_string();
    assert!(text.contains("7.8.9") && text.contains(env!("CARGO_PKG_VERSION")), "{text}");
    let mut bytes = GOLDEN;
    bytes[12] = 4;
    assert!(matches!(Header::decode(&bytes, 256), Err(HeaderError::Features { unknown: 4, .. })));
    // Features that may be ignored are.
    let mut bytes = GOLDEN;
    bytes[16] = 4;
    assert_eq!(Header::decode(&bytes, 256).unwrap(), sample());
}

#[test]
fn what_lies_outside_the_file_is_refused() {
    assert_eq!(Header::decode(&GOLDEN, 255), Err(HeaderError::Extent { part: "body" }));
    assert_eq!(Header::decode(&GOLDEN, 150), Err(HeaderError::Extent { part: "descriptor" }));
    assert_eq!(Header::decode(&GOLDEN[..100], 100), Err(HeaderError::Short { len: 100 }));
    assert_eq!(Header::decode(b"not an entry", 12), Err(HeaderError::Magic));
    let with = |change: fn(&mut Header)| {
        let mut header = sample();
        change(&mut header);
        Header::decode(&header.encode(), 256)
    };
    assert_eq!(with(|h| h.name = (127, 6)), Err(HeaderError::Extent { part: "name" }));
    assert_eq!(with(|h| h.name = (128, 5)), Err(HeaderError::Extent { part: "name" }));
    assert_eq!(with(|h| h.name = (128, 0)), Err(HeaderError::Extent { part: "name" }));
    assert_eq!(with(|h| h.name = (u32::MAX, u32::MAX - 1)), Err(HeaderError::Extent { part: "name" }));
    assert_eq!(with(|h| h.body = (u64::MAX - 7, 64)), Err(HeaderError::Extent { part: "body" }));
    assert_eq!(with(|h| h.body = (193, 1)), Err(HeaderError::Extent { part: "body" }));
    assert_eq!(with(|h| h.body = (0, 1)), Err(HeaderError::Extent { part: "body" }));
}

/// Whatever the bytes are: a header whose parts are inside the file, or an error that can be shown.
#[test]
fn random_bytes_never_panic() {
    let mut dice = crate::tests::playground::Dice::new(crate::tests::playground::seed());
    for _ in 0..200_000 {
        let mut bytes = GOLDEN;
        for _ in 0..dice.roll(12) {
            let at = dice.roll(FIXED as u64) as usize;
            bytes[at] = if dice.roll(3) == 0 { 0xff } else { dice.roll(256) as u8 };
        }
        let (len, size) = (dice.roll(FIXED as u64 + 1) as usize, dice.roll(1 << 20));
        let bytes = if dice.roll(4) == 0 { &bytes[..len] } else { &bytes[..] };
        match Header::decode(bytes, size) {
            Ok(header) => {
                assert!(header.body.0 + header.body.1 <= size);
                assert!(u64::from(header.name.0) + u64::from(header.name.1) <= size);
                assert_eq!(header.encode()[20..], bytes[20..]);
            }
            Err(error) => assert!(error.to_string().is_ascii()),
        }
    }
}
