//! Compressed bodies without a compressor: each of these formats may hold its data as it is.
//!
//! RFC 1951 3.2.4 (stored blocks), RFC 1952 (gzip), RFC 1950 (zlib, which HTTP calls deflate), RFC 7932 9.2 (an uncompressed
//! meta-block of brotli).

/// The codings of HTTP that are met in the wild.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Deflate,
    Brotli,
}

impl Coding {
    /// As `Content-Encoding` names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
            Coding::Brotli => "br",
        }
    }

    pub(crate) fn pack(self, plain: &[u8]) -> Vec<u8> {
        match self {
            Coding::Gzip => {
                let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
                stored(&mut packed, plain);
                packed.extend_from_slice(&crc32(plain).to_le_bytes());
                packed.extend_from_slice(&(plain.len() as u32).to_le_bytes());
                packed
            }
            Coding::Deflate => {
                let mut packed = vec![0x78, 0x01];
                stored(&mut packed, plain);
                packed.extend_from_slice(&adler32(plain).to_be_bytes());
                packed
            }
            Coding::Brotli => {
                let mut packed = Vec::new();
                for (number, block) in plain.chunks(1 << 15).enumerate() {
                    // WBITS 16 is one zero bit, before the first block only; then not the last, four nibbles of length.
                    let length = (block.len() as u32 - 1) << 3;
                    let (bits, width) = match number {
                        0 => ((length | 1 << 19) << 1, 21),
                        _ => (length | 1 << 19, 20),
                    };
                    packed.extend_from_slice(&bits.to_le_bytes()[..usize::div_ceil(width, 8)]);
                    packed.extend_from_slice(block);
                }
                // The last block, and empty; of nothing at all it is the only one.
                packed.push(if plain.is_empty() { 0b110 } else { 0b11 });
                packed
            }
        }
    }
}

fn stored(packed: &mut Vec<u8>, plain: &[u8]) {
    let last = plain.len().div_ceil(65_535).saturating_sub(1);
    if plain.is_empty() {
        packed.extend_from_slice(&[1, 0, 0, 0xff, 0xff]);
    }
    for (number, block) in plain.chunks(65_535).enumerate() {
        let length = block.len() as u16;
        packed.push(u8::from(number == last));
        packed.extend_from_slice(&length.to_le_bytes());
        packed.extend_from_slice(&(!length).to_le_bytes());
        packed.extend_from_slice(block);
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

fn adler32(bytes: &[u8]) -> u32 {
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in bytes {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    high << 16 | low
}

mod tests {
    use super::*;

    /// As `printf punctual | gzip`, `python3 -c 'zlib.crc32(b"punctual"), zlib.adler32(…)'` have them.
    #[test]
    fn checksums_are_those_of_the_tools() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11E6_0398);
    }
}
