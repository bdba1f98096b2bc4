//! The bytes of a log segment: a header, then frames. All numbers are little-endian.
//!
//! Segment header, 24 bytes:
//!
//! | at | bytes | what |
//! |---:|------:|------|
//! | 0 | 8 | magic `evntlog\n` |
//! | 8 | 4 | format version, 1 |
//! | 12 | 8 | offset of the segment's first row |
//! | 20 | 4 | CRC32C of bytes 0 to 20 |
//!
//! Frame, 64 bytes and its body:
//!
//! | at | bytes | what |
//! |---:|------:|------|
//! | 0 | 4 | magic `f1 72 65 63` |
//! | 4 | 4 | CRC32C of bytes 8 to 64 |
//! | 8 | 4 | CRC32C of the body |
//! | 12 | 4 | payload bytes |
//! | 16 | 4 | notes bytes |
//! | 20 | 4 | rows |
//! | 24 | 4 | epoch |
//! | 28 | 2 | shard |
//! | 30 | 2 | kind: 0 a record, 1 a seal (no rows, no body; written on a clean close) |
//! | 32 | 8 | offset of the first row |
//! | 40 | 8 | group: position in the segment up to which all was durable when this frame was written |
//! | 48 | 8 | watermark, microseconds |
//! | 56 | 8 | admitted at, microseconds |
//! | 64 | … | body: payload, then notes |
//!
//! The header has a checksum of its own so that lengths can be trusted before the body is read. The group tells a torn
//! write from damage: if a frame's group lies behind a damaged byte, that byte had been durable, hence acknowledged.
//! Not here: files.

use super::{Header, Offset, Record};

/// Bytes before the first frame of a segment.
pub(super) const SEGMENT_HEADER_BYTES: usize = 24;
/// Bytes of a frame before its body.
pub(super) const FRAME_HEADER_BYTES: usize = 64;
/// First bytes of each frame.
pub(super) const FRAME_MAGIC: [u8; 4] = [0xF1, b'r', b'e', b'c'];

/// No row has a larger offset, so that SQL shows each as a BIGINT and sums of offsets and rows can't overflow.
pub(super) const OFFSET_MAX: Offset = i64::MAX.cast_unsigned();

const SEGMENT_MAGIC: [u8; 8] = *b"evntlog\n";
const FORMAT_VERSION: u32 = 1;

/// A segment header that can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SegmentHeaderError {
    /// Not what was written.
    Damaged,
    /// Written by another version of the program.
    Version(u32),
}

/// The header of the segment that starts at `start`.
pub(super) fn encode_segment_header(start: Offset) -> [u8; SEGMENT_HEADER_BYTES] {
    let mut bytes = [0; SEGMENT_HEADER_BYTES];
    bytes[0..8].copy_from_slice(&SEGMENT_MAGIC);
    bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes[12..20].copy_from_slice(&start.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..20]);
    bytes[20..24].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// Offset of the segment's first row.
pub(super) fn decode_segment_header(bytes: &[u8]) -> Result<Offset, SegmentHeaderError> {
    let whole = bytes.len() >= SEGMENT_HEADER_BYTES && bytes[0..8] == SEGMENT_MAGIC;
    if !whole || u32_at(bytes, 20) != crc32c::crc32c(&bytes[..20]) {
        return Err(SegmentHeaderError::Damaged);
    }
    match u32_at(bytes, 8) {
        FORMAT_VERSION if u64_at(bytes, 12) > OFFSET_MAX => Err(SegmentHeaderError::Damaged),
        FORMAT_VERSION => Ok(u64_at(bytes, 12)),
        other => Err(SegmentHeaderError::Version(other)),
    }
}

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Record,
    Seal,
}

/// All of a frame but its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) first: Offset,
    pub(super) header: Header,
    pub(super) group: u64,
    pub(super) payload_bytes: u32,
    pub(super) notes_bytes: u32,
    pub(super) body_crc: u32,
}

impl Frame {
    /// The frame of a record whose payload and notes fit [`RECORD_BYTES_MAX`](super::RECORD_BYTES_MAX).
    pub(super) fn of(record: &Record, first: Offset, group: u64) -> Self {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("a record is smaller than RECORD_BYTES_MAX");
        Self {
            kind: Kind::Record,
            first,
            header: record.header,
            group,
            payload_bytes: length(&record.payload),
            notes_bytes: length(&record.notes),
            body_crc: body_crc(&record.payload, &record.notes),
        }
    }

    /// The mark of a clean close: everything before `group` is durable.
    pub(super) fn seal(end: Offset, group: u64) -> Self {
        let header = Header { shard: 0, epoch: 0, rows: 0, watermark_us: 0, admitted_at_us: 0 };
        Self { kind: Kind::Seal, first: end, header, group, payload_bytes: 0, notes_bytes: 0, body_crc: 0 }
    }

    /// Offset behind its last row.
    pub(super) fn end(&self) -> Offset {
        self.first + Offset::from(self.header.rows)
    }

    /// Header and body.
    pub(super) fn frame_bytes(&self) -> u64 {
        FRAME_HEADER_BYTES as u64 + self.body_bytes()
    }

    /// Payload and notes.
    pub(super) fn body_bytes(&self) -> u64 {
        u64::from(self.payload_bytes) + u64::from(self.notes_bytes)
    }

    pub(super) fn encode(&self) -> [u8; FRAME_HEADER_BYTES] {
        let mut bytes = [0; FRAME_HEADER_BYTES];
        bytes[0..4].copy_from_slice(&FRAME_MAGIC);
        bytes[8..12].copy_from_slice(&self.body_crc.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.payload_bytes.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.notes_bytes.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.header.rows.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.header.epoch.to_le_bytes());
        bytes[28..30].copy_from_slice(&self.header.shard.to_le_bytes());
        bytes[30..32].copy_from_slice(&(self.kind as u16).to_le_bytes());
        bytes[32..40].copy_from_slice(&self.first.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.group.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.header.watermark_us.to_le_bytes());
        bytes[56..64].copy_from_slice(&self.header.admitted_at_us.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[8..]);
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The frame at the start of `bytes`, if its header is what may be written.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let whole = bytes.len() >= FRAME_HEADER_BYTES && bytes[0..4] == FRAME_MAGIC;
        if !whole || u32_at(bytes, 4) != crc32c::crc32c(&bytes[8..FRAME_HEADER_BYTES]) {
            return None;
        }
        let kind = match u16_at(bytes, 30) {
            0 => Kind::Record,
            1 => Kind::Seal,
            _ => return None,
        };
        let header = Header {
            shard: u16_at(bytes, 28),
            epoch: u32_at(bytes, 24),
            rows: u32_at(bytes, 20),
            watermark_us: u64_at(bytes, 48).cast_signed(),
            admitted_at_us: u64_at(bytes, 56).cast_signed(),
        };
        let first = u64_at(bytes, 32);
        if first.checked_add(Offset::from(header.rows))? > OFFSET_MAX {
            return None;
        }
        let frame = Self {
            kind,
            first,
            header,
            group: u64_at(bytes, 40),
            payload_bytes: u32_at(bytes, 12),
            notes_bytes: u32_at(bytes, 16),
            body_crc: u32_at(bytes, 8),
        };
        // Readers pass over seals: one that covers offsets would be a silent gap (I5).
        let is_empty = header.rows == 0 && frame.body_bytes() == 0;
        (kind == Kind::Record || is_empty).then_some(frame)
    }
}

/// CRC32C over payload, then notes.
pub(super) fn body_crc(payload: &[u8], notes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(payload), notes)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().expect("the slice has 2 bytes"))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("the slice has 4 bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("the slice has 8 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let header = Header { shard: 7, epoch: 3, rows: 5, watermark_us: -42, admitted_at_us: i64::MAX };
        Record { header, payload: vec![1, 2, 3], notes: vec![9] }
    }

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let frame = Frame::of(&record(), 1 << 40, 99);
        assert_eq!(Frame::decode(&frame.encode()), Some(frame));
        assert_eq!((frame.end(), frame.frame_bytes()), ((1 << 40) + 5, 68));
        let seal = Frame::seal(12, 34);
        assert_eq!(Frame::decode(&seal.encode()), Some(seal));
    }

    #[test]
    fn offsets_that_no_row_can_have_are_refused() {
        for (first, fits) in [(OFFSET_MAX - 5, true), (OFFSET_MAX - 4, false), (Offset::MAX, false)] {
            assert_eq!(Frame::decode(&Frame::of(&record(), first, 0).encode()).is_some(), fits, "{first}");
        }
        assert_eq!(decode_segment_header(&encode_segment_header(OFFSET_MAX)), Ok(OFFSET_MAX));
        let beyond = decode_segment_header(&encode_segment_header(OFFSET_MAX + 1));
        assert_eq!(beyond, Err(SegmentHeaderError::Damaged));
    }

    #[test]
    fn a_seal_with_rows_or_body_is_refused() {
        let seal = Frame::seal(12, 34);
        let rows = Frame { header: Header { rows: 1, ..seal.header }, ..seal };
        for odd in [rows, Frame { payload_bytes: 1, ..seal }, Frame { notes_bytes: 1, ..seal }] {
            assert_eq!(Frame::decode(&odd.encode()), None, "{odd:?}");
        }
    }

    #[test]
    fn every_single_bit_of_a_header_matters() {
        let frame = Frame::of(&record(), 17, 0).encode();
        let segment = encode_segment_header(17);
        for bit in 0..FRAME_HEADER_BYTES * 8 {
            let mut damaged = frame;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Frame::decode(&damaged), None, "bit {bit} of a frame");
        }
        for bit in 0..SEGMENT_HEADER_BYTES * 8 {
            let mut damaged = segment;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode_segment_header(&damaged), Err(SegmentHeaderError::Damaged), "bit {bit} of a segment");
        }
        assert_eq!(decode_segment_header(&segment), Ok(17));
    }

    /// The format is a promise to files on disks: these bytes may be added to, never changed.
    #[test]
    fn the_first_version_is_read_for_ever() {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(&encode_segment_header(17)), "65766e746c6f670a01000000110000000000000061fef16e");
        let expected = concat!(
            "f17265635119281e27c018960300000001000000050000000300000007000000",
            "11000000000000001800000000000000d6ffffffffffffffffffffffffffff7f"
        );
        assert_eq!(hex(&Frame::of(&record(), 17, 24).encode()), expected);
    }
}
