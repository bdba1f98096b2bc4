//! Parquet's physical and logical types, encodings and codecs, as apache/parquet-testing has them: each is taken with its
//! values or refused with the column and its type.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, Date32Array, Decimal128Array, Decimal256Array, FixedSizeBinaryArray, Float16Array,
    Float32Array, Float64Array, Int64Array, ListArray, MapBuilder, NullArray, RecordBatch, StringArray, StringBuilder,
    StructArray, Time32MillisecondArray, Time64MicrosecondArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, UInt64Array,
};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field, Fields, Float16Type, Int32Type, i256};
use datasets::{DatasetBatch, DatasetError, Mapping, ParquetImport};
use engine::admission::Reason;
use engine::event::json::data_json;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::data_type::{
    ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int32Type as I32, Int64Type, Int96, Int96Type,
};
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::{events, options};

type F16 = <Float16Type as ArrowPrimitiveType>::Native;

const AT_US: i64 = 1_700_000_000_000_000;

fn mapping() -> Mapping {
    Mapping {
        tenant: Some("acme".into()),
        time_column: "at".into(),
        event_type: Some("t".into()),
        ..Mapping::default()
    }
}

fn import(path: &Path, mapping: &Mapping) -> Result<DatasetBatch, DatasetError> {
    let batches: Result<Vec<_>, _> = ParquetImport::open(path, mapping, options(1_000))?.collect();
    let mut batches = batches?;
    assert_eq!(batches.len(), 1, "one batch");
    Ok(batches.remove(0))
}

fn written(folder: &Path, columns: Vec<(&str, ArrayRef)>, properties: Option<WriterProperties>) -> PathBuf {
    let rows = columns[0].1.len();
    let at: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![AT_US; rows]).with_timezone("UTC"));
    let columns = [("at", at)].into_iter().chain(columns).map(|(name, column)| (name, column, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let path = folder.join("types.parquet");
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), properties).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    path
}

/// What of a column `c` becomes the data of its rows.
fn check(column: impl Array + 'static, expect: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let data_type = column.data_type().clone();
    let path = written(folder.path(), vec![("c", Arc::new(column))], None);
    let all = import(&path, &mapping()).unwrap_or_else(|error| panic!("{data_type}: {error}"));
    assert!(all.rejected.is_empty(), "{data_type}: {:?}", all.rejected);
    let data: Vec<_> = data_json(&all.batch).iter().map(|data| data.unwrap_or("").to_owned()).collect();
    assert_eq!(data, expect, "{data_type}");
}

#[test]
fn every_type_of_values_is_taken_as_it_is() {
    let c = |json: &str| format!("{{\"c\":{json}}}");
    check(UInt64Array::from(vec![0, u64::MAX]), &[&c("0"), &c("18446744073709551615")]);
    check(Int64Array::from(vec![Some(i64::MIN), None]), &[&c("-9223372036854775808"), ""]);
    check(Float16Array::from(vec![F16::from_f32(-2.0), F16::from_f32(0.1)]), &[&c("-2"), &c("0.0999755859375")]);
    check(Float32Array::from(vec![0.1, f32::MAX]), &[&c("0.1"), &c("3.4028235e38")]);
    check(Float64Array::from(vec![0.1, 1e300]), &[&c("0.1"), &c("1e300")]);
    let small = Decimal128Array::from(vec![12_345, -1]).with_precision_and_scale(7, 3).unwrap();
    check(small, &[&c("12.345"), &c("-0.001")]);
    let wide = Decimal128Array::from(vec![10i128.pow(37)]).with_precision_and_scale(38, 10).unwrap();
    check(wide, &[&c("1000000000000000000000000000.0000000000")]);
    let widest = Decimal256Array::from(vec![i256::from_i128(10i128.pow(38)).wrapping_mul(i256::from_i128(10))]);
    check(widest.with_precision_and_scale(50, 2).unwrap(), &[&c("10000000000000000000000000000000000000.00")]);
    check(Date32Array::from(vec![19_723, -719_162]), &[&c("\"2024-01-01\""), &c("\"0001-01-01\"")]);
    check(Time32MillisecondArray::from(vec![36_900_001]), &[&c("\"10:15:00.001\"")]);
    check(Time64MicrosecondArray::from(vec![36_900_000_001]), &[&c("\"10:15:00.000001\"")]);
    check(TimestampNanosecondArray::from(vec![1_999]), &[&c("\"1970-01-01T00:00:00.000001Z\"")]);
    check(NullArray::new(2), &["", ""]);
}

#[test]
fn nested_columns_are_members_and_json() {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), Some(vec![]), None]);
    check(list, &["{\"c\":[1,null]}", "{\"c\":[]}", ""]);
    let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    map.keys().append_value("k");
    map.values().append_value("v");
    map.append(true).unwrap();
    map.append(true).unwrap();
    map.append(false).unwrap();
    check(map.finish(), &["{\"c\":{\"k\":\"v\"}}", "{\"c\":{}}", ""]);
    let inner = Fields::from(vec![Field::new("n", DataType::Int64, true)]);
    let inner_column =
        StructArray::new(inner.clone(), vec![Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]))], None);
    let fields =
        Fields::from(vec![Field::new("s", DataType::Utf8, true), Field::new("i", DataType::Struct(inner), true)]);
    let columns: Vec<ArrayRef> =
        vec![Arc::new(StringArray::from(vec![Some("x"), None, Some("hidden")])), Arc::new(inner_column)];
    let outer = StructArray::new(fields, columns, Some(vec![true, true, false].into()));
    check(outer, &["{\"c\":{\"i\":{\"n\":1},\"s\":\"x\"}}", "", ""]);
}

#[test]
fn what_is_not_taken_is_refused_with_the_column_and_its_type() {
    let folder = tempfile::tempdir().unwrap();
    let binary: ArrayRef = Arc::new(BinaryArray::from(vec![b"acme".as_slice()]));
    let path = written(folder.path(), vec![("who", Arc::clone(&binary))], None);
    let error = |mapping: &Mapping| import(&path, mapping).unwrap_err().to_string();
    assert!(error(&mapping()).contains("exclude: who is Binary"), "{}", error(&mapping()));
    let by = Mapping { tenant: None, tenant_column: Some("who".into()), ..mapping() };
    assert!(error(&by).contains("tenant_column: who is Binary"), "{}", error(&by));
    let excluded = Mapping { exclude: vec!["who".into()], ..mapping() };
    assert_eq!(import(&path, &excluded).unwrap().batch.len(), 1);
    let fixed = FixedSizeBinaryArray::try_from_iter([[7u8; 5]].into_iter()).unwrap();
    let path = written(folder.path(), vec![("f", Arc::new(fixed))], None);
    assert!(import(&path, &mapping()).unwrap_err().to_string().contains("f is FixedSizeBinary(5)"));
    let inside = ListArray::new(
        Arc::new(Field::new("item", DataType::Binary, true)),
        arrow::buffer::OffsetBuffer::from_lengths([1]),
        binary,
        None,
    );
    let path = written(folder.path(), vec![("l", Arc::new(inside))], None);
    assert!(import(&path, &mapping()).unwrap_err().to_string().contains("l is List"));
}

#[test]
fn an_encrypted_file_is_refused_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("encrypted.parquet");
    std::fs::write(&path, b"PAREfooter\x06\0\0\0PARE").unwrap();
    let error = import(&path, &mapping()).unwrap_err().to_string();
    assert!(error.contains("is encrypted"), "{error}");
}

#[test]
fn floats_that_are_no_numbers_are_refused_by_row_and_within_lists_by_column() {
    let folder = tempfile::tempdir().unwrap();
    let path =
        written(folder.path(), vec![("n", Arc::new(Float64Array::from(vec![1.0, f64::NAN, f64::INFINITY])))], None);
    let all = import(&path, &mapping()).unwrap();
    let rejected: Vec<_> = all.rejected.iter().map(|row| (row.line, &*row.rejection.field)).collect();
    assert_eq!((all.batch.len(), rejected), (1, vec![(2, "/n"), (3, "/n")]));
    let list = ListArray::from_iter_primitive::<arrow::datatypes::Float64Type, _, _>([Some(vec![Some(f64::NAN)])]);
    let path = written(folder.path(), vec![("l", Arc::new(list))], None);
    let error = import(&path, &mapping()).unwrap_err().to_string();
    assert!(error.contains("column l: NaN in it is no number"), "{error}");
}

#[test]
fn codecs_encodings_and_pages_of_every_kind_are_read() {
    let texts: ArrayRef =
        Arc::new(StringArray::from_iter((0..500).map(|n| (n % 7 != 0).then(|| format!("text {}", n % 20)))));
    let floats: ArrayRef = Arc::new(Float64Array::from_iter_values((0..500).map(f64::from)));
    let wholes: ArrayRef = Arc::new(Int64Array::from_iter_values(0..500));
    let columns =
        || vec![("texts", Arc::clone(&texts)), ("floats", Arc::clone(&floats)), ("wholes", Arc::clone(&wholes))];
    let folder = tempfile::tempdir().unwrap();
    let plain = import(&written(folder.path(), columns(), None), &mapping()).unwrap().batch;
    let codecs = [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::BROTLI(Default::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::ZSTD(Default::default()),
    ];
    for (codec, version) in codecs
        .into_iter()
        .flat_map(|codec| [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0].map(|version| (codec, version)))
    {
        let encoded = WriterProperties::builder()
            .set_compression(codec)
            .set_writer_version(version)
            .set_dictionary_enabled(false)
            .set_data_page_row_count_limit(50)
            .set_max_row_group_row_count(Some(170))
            .set_column_encoding("texts".into(), Encoding::DELTA_BYTE_ARRAY)
            .set_column_encoding("floats".into(), Encoding::BYTE_STREAM_SPLIT)
            .set_column_encoding("wholes".into(), Encoding::DELTA_BINARY_PACKED);
        let path = written(folder.path(), columns(), Some(encoded.build()));
        assert_eq!(import(&path, &mapping()).unwrap().batch, plain, "{codec} {version:?}");
    }
}

/// Writes one row group by hand, for what Arrow has no type for.
fn by_hand(
    folder: &Path,
    message: &str,
    write: impl FnOnce(&mut parquet::file::writer::SerializedRowGroupWriter<'_, File>),
) -> PathBuf {
    let path = folder.join("by_hand.parquet");
    let schema = Arc::new(parse_message_type(message).unwrap());
    let mut writer = SerializedFileWriter::new(File::create(&path).unwrap(), schema, Default::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    write(&mut group);
    group.close().unwrap();
    writer.close().unwrap();
    path
}

fn int96(days: i64, nanos: u64) -> Int96 {
    let mut value = Int96::new();
    value.set_data(nanos as u32, (nanos >> 32) as u32, (days + 2_440_588) as u32);
    value
}

#[test]
fn times_of_96_bits_beyond_what_is_held_are_refused_and_never_wrapped() {
    let folder = tempfile::tempdir().unwrap();
    let days = [19_723, 0, 2_932_896, 20_000, 105_189_582, -719_163, 2_144_000_000, 19_724];
    let path = by_hand(folder.path(), "message m { required int96 at; required int96 seen; }", |group| {
        for _ in 0..2 {
            let values: Vec<Int96> = days.iter().map(|days| int96(*days, 74_096_123_456_000)).collect();
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<Int96Type>().write_batch(&values, None, None).unwrap();
            column.close().unwrap();
        }
    });
    let all = import(&path, &Mapping { exclude: vec!["seen".into()], ..mapping() }).unwrap();
    let times: Vec<_> = events(&all.batch).map(|event| event.time_us).collect();
    let us = |days: i64| days * 86_400_000_000 + 74_096_123_456;
    assert_eq!(times, [us(19_723), us(0), us(20_000), us(19_724)]);
    let rejected: Vec<_> = all.rejected.iter().map(|row| (row.line, row.rejection.reason)).collect();
    let (new, old) = (Reason::TooNew, Reason::TooOld);
    assert_eq!(rejected, [(3, new), (5, new), (6, old), (7, new)]);
    let zoned =
        import(&path, &Mapping { exclude: vec!["seen".into()], time_zone: "Europe/Berlin".into(), ..mapping() })
            .unwrap();
    assert_eq!(events(&zoned.batch).next().unwrap().time_us, us(19_723) - 3_600_000_000);
    let data = import(&path, &mapping()).unwrap();
    assert_eq!(data_json(&data.batch).value(0), r#"{"seen":"2024-01-01T20:34:56.123456Z"}"#);
}

#[test]
fn repeated_fields_without_annotation_are_lists() {
    let folder = tempfile::tempdir().unwrap();
    let message = "message m { required int64 at; repeated int32 c; }";
    let path = by_hand(folder.path(), message, |group| {
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&[AT_US; 3], None, None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<I32>().write_batch(&[1, 2, 3], Some(&[1, 1, 0, 1]), Some(&[0, 1, 0, 0])).unwrap();
        column.close().unwrap();
    });
    let all = import(&path, &Mapping { time_format: "unix_us".parse().unwrap(), ..mapping() }).unwrap();
    let data: Vec<_> = data_json(&all.batch).iter().map(|data| data.unwrap().to_owned()).collect();
    assert_eq!(data, [r#"{"c":[1,2]}"#, r#"{"c":[]}"#, r#"{"c":[3]}"#]);
}

#[test]
fn annotations_of_bytes_decide_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = |column: &str, text: &'static str| {
        let message = format!("message m {{ required int64 at; required {column}; }}");
        let path = by_hand(folder.path(), &message, |group| {
            let mut at = group.next_column().unwrap().unwrap();
            at.typed::<Int64Type>().write_batch(&[AT_US], None, None).unwrap();
            at.close().unwrap();
            let mut column = group.next_column().unwrap().unwrap();
            if message.contains("fixed") {
                let value = FixedLenByteArray::from(ByteArray::from(text.as_bytes().to_vec()));
                column.typed::<FixedLenByteArrayType>().write_batch(&[value], None, None).unwrap();
            } else {
                column.typed::<ByteArrayType>().write_batch(&[ByteArray::from(text)], None, None).unwrap();
            }
            column.close().unwrap();
        });
        import(&path, &Mapping { time_format: "unix_us".parse().unwrap(), ..mapping() })
            .map(|all| data_json(&all.batch).value(0).to_owned())
            .map_err(|error| error.to_string())
    };
    assert_eq!(bytes("binary c (STRING)", "a"), Ok(r#"{"c":"a"}"#.into()));
    assert_eq!(bytes("binary c (JSON)", "{\"n\":1}"), Ok(r#"{"c":"{\"n\":1}"}"#.into()));
    assert!(bytes("binary c (BSON)", "a").unwrap_err().contains("c is Binary"));
    assert!(bytes("binary c (ENUM)", "a").unwrap_err().contains("c is Binary"));
    assert!(bytes("binary c", "a").unwrap_err().contains("c is Binary"));
    let uuid = bytes("fixed_len_byte_array(16) c (UUID)", "0123456789abcdef");
    assert_eq!(uuid, Ok(r#"{"c":"30313233-3435-3637-3839-616263646566"}"#.into()));
    assert!(bytes("fixed_len_byte_array(12) c (INTERVAL)", "0123456789ab").unwrap_err().contains("c is Interval"));
}

#[test]
fn times_without_a_zone_are_in_the_declared_one_whatever_their_type() {
    let folder = tempfile::tempdir().unwrap();
    let noon_us = 1_783_944_000_000_000i64;
    let columns: [(&str, ArrayRef, i64); 6] = [
        ("ms", Arc::new(TimestampMillisecondArray::from(vec![noon_us / 1_000])), noon_us - 7_200_000_000),
        ("us", Arc::new(TimestampMicrosecondArray::from(vec![noon_us])), noon_us - 7_200_000_000),
        ("ns", Arc::new(TimestampNanosecondArray::from(vec![noon_us * 1_000])), noon_us - 7_200_000_000),
        ("utc", Arc::new(TimestampMillisecondArray::from(vec![noon_us / 1_000]).with_timezone("UTC")), noon_us),
        ("date", Arc::new(Date32Array::from(vec![20_647])), 1_783_893_600_000_000),
        ("text", Arc::new(StringArray::from(vec!["2026-07-13 12:00"])), noon_us - 7_200_000_000),
    ];
    for (name, column, expect) in columns {
        let path = written(folder.path(), vec![(name, column)], None);
        let mapping = Mapping { time_column: name.into(), time_zone: "Europe/Berlin".into(), ..mapping() };
        let all = import(&path, &mapping).unwrap();
        assert_eq!(events(&all.batch).map(|event| event.time_us).collect::<Vec<_>>(), [expect], "{name}");
    }
}

#[test]
fn times_as_data_that_are_not_held_refuse_their_row() {
    let folder = tempfile::tempdir().unwrap();
    let times = TimestampMillisecondArray::from(vec![0, i64::MAX, 253_402_300_800_000]);
    let path = written(folder.path(), vec![("c", Arc::new(times))], None);
    let all = import(&path, &mapping()).unwrap();
    let rejected: Vec<_> = all.rejected.iter().map(|row| (row.line, row.rejection.reason)).collect();
    assert_eq!((all.batch.len(), rejected), (1, vec![(2, Reason::ValueInvalid), (3, Reason::ValueInvalid)]));
}

#[test]
fn the_files_that_were_given_are_read_or_refused() {
    let faults = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/faults");
    let at_a = Mapping { time_column: "a".into(), ..mapping() };
    let times = faults.join("08-parquet-int96-out-of-range-becomes-another-century/int96_from_spark.parquet");
    if !times.exists() {
        let told = format!("{} is not there; skipped", times.display());
        assert!(std::env::var_os("CI").is_none(), "{told}");
        return eprintln!("{told}");
    }
    let all = import(&times, &at_a).unwrap();
    assert_eq!(all.batch.len(), 3);
    let rejected: Vec<_> = all.rejected.iter().map(|row| (row.line, row.rejection.reason)).collect();
    assert_eq!(rejected, [(3, Reason::TooNew), (5, Reason::MissingAttribute), (6, Reason::TooNew)]);
    let others = faults.join("29-parquet-columns-that-are-refused-or-misnamed");
    assert_eq!(import(&others.join("null.parquet"), &mapping()).unwrap().batch.len(), 1);
    let by_who = Mapping { tenant: None, tenant_column: Some("who".into()), ..mapping() };
    assert!(import(&others.join("binary.parquet"), &by_who).unwrap_err().to_string().contains("who is Binary"));
    let by_id = Mapping { time_column: "id".into(), time_format: "unix_us".parse().unwrap(), ..mapping() };
    let all = import(&others.join("repeated_no_annotation.parquet"), &by_id).unwrap();
    let data: Vec<_> = data_json(&all.batch).iter().map(|data| data.unwrap_or("").to_owned()).collect();
    let phones = |phones: &str| format!("{{\"phoneNumbers\":{{\"phone\":[{phones}]}}}}");
    let home = r#"{"number":1111111111,"kind":"home"}"#;
    let two = r#"{"number":2222222222,"kind":null},{"number":3333333333,"kind":"mobile"}"#;
    let expect = [
        String::new(),
        String::new(),
        phones(""),
        phones(r#"{"number":5555555555,"kind":null}"#),
        phones(home),
        phones(&format!("{home},{two}")),
    ];
    assert_eq!(data, expect);
}

#[test]
fn a_list_that_is_longer_than_an_event_is_refused_before_it_is_written_out() {
    let folder = tempfile::tempdir().unwrap();
    let lists = [Some(vec![None; 200_000]), Some(vec![Some(1)])];
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(lists);
    let path = written(folder.path(), vec![("c", Arc::new(lists))], None);
    let all = import(&path, &mapping()).unwrap();
    let refused: Vec<_> =
        all.rejected.iter().map(|row| (row.line, row.rejection.reason, &*row.rejection.field)).collect();
    assert_eq!(refused, [(1, Reason::TooLarge, "/c")]);
    assert_eq!(data_json(&all.batch).value(0), "{\"c\":[1]}");
}
