//! Reading the content of a file: the limit, and the errors of damaged files.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use travel_files::Content;
use travel_files::content::{digest_of, text_of};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// The content of a file and its digest, or what is wrong with it.
fn read(file: &[u8], limit_mb: u64) -> Result<(Vec<u8>, [u8; 16]), String> {
    let mut content = Content::of(file, limit_mb).map_err(|error| text_of(&error))?;
    let mut bytes = Vec::new();
    content.read_to_end(&mut bytes).map_err(|error| text_of(&error))?;
    assert_eq!(content.bytes_read(), file.len() as u64);
    Ok((bytes, content.digest()))
}

fn text(length: usize) -> Vec<u8> {
    (0..length).map(|n| b'a' + (n * n % 23) as u8).collect()
}

#[test]
fn a_compressed_file_and_a_plain_one_have_the_same_content() {
    for length in [0, 1, 2, 3000, 300_000] {
        let plain = text(length);
        let compressed = gzip(&plain);
        for file in [&plain, &compressed] {
            let expected: [u8; 16] = Md5::digest(file).into();
            assert_eq!(read(file, 1), Ok((plain.clone(), expected)));
            assert_eq!(digest_of(file.as_slice(), || {}).unwrap(), expected);
        }
    }
}

#[test]
fn a_file_may_consist_of_several_compressed_parts() {
    let file = [gzip(b"one "), gzip(b"two "), gzip(b"three")].concat();
    assert_eq!(read(&file, 1).unwrap().0, b"one two three");
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_an_error() {
    let file = gzip(&text(5000));
    for length in 3..file.len() {
        let error = read(&file[..length], 1).unwrap_err();
        assert_eq!(error, "it is cut off: the compressed data ends too early", "{length}");
    }
}

#[test]
fn damaged_data_and_what_follows_the_data_are_errors() {
    let mut file = gzip(&text(5000));
    let last = file.len() - 6;
    file[last] ^= 1;
    assert_eq!(read(&file, 1).unwrap_err(), "its compressed data is damaged");
    let followed = [gzip(b"good"), b"rubbish that follows".to_vec()].concat();
    assert_eq!(read(&followed, 1).unwrap_err(), "its compressed data is damaged");
}

#[test]
fn the_content_of_a_compressed_file_above_the_limit_is_an_error_however_small_the_file_is() {
    let mb = vec![b' '; 1 << 20];
    assert_eq!(read(&gzip(&mb), 1).unwrap().0.len(), mb.len());
    let more = [mb.as_slice(), b"x"].concat();
    assert_eq!(read(&gzip(&more), 1).unwrap_err(), "its content is larger than 1 MB");
    assert_eq!(read(&more, 1).unwrap().0.len(), more.len());
}
