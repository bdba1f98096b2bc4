//! The grammar's rules: how an expression of a kind is made of others.
//!
//! `{text}` stands for an expression of that kind, `{same}` for one of the rule's own kind, `{n}` for 1 to 9, and a
//! name of [`words`] for one of its texts. `{x=text}` is told again by `{x}`.
//!
//! What is not here would be answered otherwise than by PostgreSQL for a reason that `docs/SQL_DIFFERENCES.md` gives,
//! or be an error for some rows:
//! - whole numbers are multiplied by small ones and divided by what is not zero, since PostgreSQL's have 32 bits here
//!   and there;
//! - decimals are not cast to text (digits behind the point), floats are not rounded (half to even);
//! - a date has no interval added (it stays a date), parts of intervals are not taken;
//! - `concat` gets texts and whole numbers; arrays are neither cast to text nor asked for the length of a dimension;
//! - the length of an array is cast to int: what is made of it is a decimal beside another number in a `UNION`.

use super::kind::Kind;

/// Rules of every kind.
pub(super) const ANY: &[&str] = &[
    "coalesce({same}, {same})",
    "CASE WHEN {flag} THEN {same} ELSE {same} END",
    "CASE WHEN {flag} THEN {same} WHEN {flag} THEN {same} END",
    "CASE {text} WHEN {word} THEN {same} ELSE {same} END",
    "CASE {int} WHEN {n} THEN {same} WHEN {n} THEN NULL ELSE {same} END",
    "coalesce(NULL, {same}, {same})",
];

/// Rules of every kind whose values are compared by what they are written as: all but intervals.
pub(super) const COMPARED: &[&str] = &["nullif({same}, {same})", "greatest({same}, {same})", "least({same}, {same})"];

/// The rules of a kind.
pub(super) fn of(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Flag => FLAG,
        Kind::Int => INT,
        Kind::Big => BIG,
        Kind::Decimal => DECIMAL,
        Kind::Double => DOUBLE,
        Kind::Text => TEXT,
        Kind::Date => DATE,
        Kind::Stamp => STAMP,
        Kind::Instant => INSTANT,
        Kind::Span => SPAN,
    }
}

/// The texts that stand for a name, of which one is taken.
pub(super) fn words(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "word" => &["'acme'", "'call'", "'a'", "'user-1'", "'tokens'", "''", "'large'"],
        "letters" => &["'a'", "'e'", "'-'", "'ac'", "'_'", "'x'", "'/'"],
        "like" => &["'a%'", "'%e'", "'%a%'", "'_c%'", "'%\\_%'", "'User-_'", "'%-1%'", "'acme'", "'%''%'", "'%ï%'"],
        "regex" => &["'^a'", "'e$'", "'[aeiou]+'", "'user-[0-9]+'", "'a|b'", "'(.)-(.)'", "'\\d+'", "'^$'"],
        "compare" => &["=", "<>", "<", "<=", ">", ">="],
        "not" => &["", "NOT "],
        "unit" => &["microsecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year"],
        "part" => &["year", "month", "day", "hour", "minute", "dow", "isodow", "doy", "week", "quarter", "isoyear"],
        "day_part" => &["year", "month", "day", "dow", "isodow", "doy", "week", "quarter", "decade", "century"],
        "zone" => &["'UTC'", "'Europe/Berlin'", "'America/New_York'", "'Asia/Kolkata'", "'Asia/Tokyo'"],
        "time_pattern" => &[
            "'YYYY-MM-DD HH24:MI:SS'",
            "'DD.MM.YY'",
            "'FMDay, FMDD. FMMonth'",
            "'Dy HH12:MI am'",
            "'IYYY-\"W\"IW'",
            "'Q DDD'",
            "'MS US'",
        ],
        "number_pattern" => &["'FM999990.00'", "'999999.9'", "'FM9,999,999'", "'000000'", "'S999999'"],
        "part_text" => &["'year'", "'month'", "'day'", "'hour'", "'minute'", "'dow'", "'week'"],
        "span_word" => SPANS,
        "step" => &["'15 minutes'", "'1 hour'", "'6 hours'", "'1 day'"],
        _ => return None,
    })
}

/// Intervals as they are written.
const SPANS: &[&str] = &[
    "interval '1 day'",
    "interval '36 hours'",
    "interval '1 month'",
    "interval '90 minutes'",
    "interval '-1 day'",
    "interval '1 year 2 months'",
    "interval '1 day 2 hours 3 minutes 4.5 seconds'",
    "interval '1 week'",
];

/// The literals of a kind.
pub(super) fn literals(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Flag => &["TRUE", "FALSE"],
        Kind::Int => &["0", "1", "2", "7", "42", "(-3)", "100"],
        Kind::Big => &["1::bigint", "3000000000", "(-7)::bigint", "bigint '12'"],
        Kind::Decimal => &["1.5", "0.25", "10.0", "(-2.75)", "99.995", "100::numeric", "numeric '7.10'"],
        Kind::Double => &["1.5::float8", "(-0.1)::float8", "1e3::float8", "float8 '2.25'"],
        Kind::Text => {
            &["'a'", "'acme'", "''", "'naïve Ünïcode'", "'O''Hara'", "' b c '", "'User-2'", "'日本'", "'a-b-c'"]
        }
        Kind::Date => &["date '2026-10-25'", "date '2024-02-29'", "'2026-12-31'::date", "date '2027-01-01'"],
        Kind::Stamp => &[
            "timestamp '2026-10-25 02:30:00'",
            "timestamp '2026-11-01 01:30:00.5'",
            "'2026-01-31 23:59:59.999999'::timestamp",
        ],
        Kind::Instant => &[
            "timestamptz '2026-10-25 00:30:00+00'",
            "timestamptz '2026-11-01 06:00:00.25+00'",
            "'2026-03-29 12:00'::timestamptz",
        ],
        Kind::Span => SPANS,
    }
}

const FLAG: &[&str] = &[
    "({flag} AND {flag})",
    "({flag} OR {flag})",
    "(NOT {flag})",
    "({text} {compare} {text})",
    "({int} {compare} {int})",
    "({big} {compare} {int})",
    "({big} {compare} {decimal})",
    "({decimal} {compare} {decimal})",
    "({double} {compare} {int})",
    "({date} {compare} {date})",
    "({stamp} {compare} {stamp})",
    "({instant} {compare} {instant})",
    "({span} {compare} {span})",
    "({date} {compare} {stamp})",
    "({instant} {compare} {date})",
    "({instant} {compare} '2026-11-01')",
    "({text} IS {not}NULL)",
    "({decimal} IS {not}NULL)",
    "({instant} IS {not}NULL)",
    "({int} {not}BETWEEN {int} AND {int})",
    "({decimal} {not}BETWEEN {int} AND {decimal})",
    "({text} {not}BETWEEN {text} AND {text})",
    "({date} {not}BETWEEN {date} AND {date})",
    "({text} {not}IN ({word}, {word}, {text}))",
    "({int} {not}IN ({n}, {n}, {int}))",
    "({decimal} {not}IN ({n}, 1.5))",
    "(1.5 {not}IN (ceil({decimal}), round({decimal}), 1.5))",
    "({text} {not}LIKE {like})",
    "({text} {not}ILIKE {like})",
    "({text} ~ {regex})",
    "({text} !~* {regex})",
    "({flag} IS {not}TRUE)",
    "({flag} IS {not}FALSE)",
    "({flag} IS {not}UNKNOWN)",
    "({text} IS {not}DISTINCT FROM {text})",
    "({int} IS {not}DISTINCT FROM {big})",
    "starts_with({text}, {letters})",
    "({text} = ANY (ARRAY[{word}, {word}]))",
    "({int} = ANY (ARRAY[{n}, {n}]))",
    "({letters} = ANY (string_to_array({text}, '-')))",
];

const INT: &[&str] = &[
    "length({text})",
    "char_length({text})",
    "octet_length({text})",
    "bit_length({text})",
    "position({letters} IN {text})",
    "strpos({text}, {letters})",
    "({int} + {int})",
    "({int} - {int})",
    "({int} * {n})",
    "({int} / {n})",
    "({int} % {n})",
    "(- {int})",
    "abs({int})",
    "mod({int}, {n})",
    "({int} & {n})",
    "({int} | {n})",
    "({big} % 1000)::int",
    "({date} - {date})",
    "({flag})::int",
    "extract({part} FROM {instant})::int",
    "extract({part} FROM {stamp})::int",
    "extract({day_part} FROM {date})::int",
    "round({decimal} % 100)::int",
    "floor(least(abs({double}), 1000))::int",
    "({int}::text)::int",
    "cardinality(string_to_array({text}, {letters}))::int",
    "ascii({text})",
];

const BIG: &[&str] = &[
    "{int}::bigint",
    "({big} + {int})",
    "({big} - {big})",
    "({big} * {n})",
    "({big} / {n})",
    "({big} % {n})",
    "({big} / nullif({int}, 0))",
    "({int} + {big})",
    "abs({big})",
    "(- {big})",
    "floor({decimal})::bigint",
    "round({decimal})::bigint",
    "{decimal}::bigint",
    "extract(epoch FROM date_trunc('second', {instant}))::bigint",
    "length({text})::bigint",
    "('4' || {n})::bigint",
];

const DECIMAL: &[&str] = &[
    "{int}::numeric",
    "{big}::numeric",
    "({decimal} + {decimal})",
    "({decimal} - {decimal})",
    "({decimal} + {int})",
    "({big} - {decimal})",
    "({decimal} * {n})",
    "({decimal} * 0.5)",
    "({big} * 1.25)",
    "({decimal} / {n})",
    "({big} / 4.0)",
    "({decimal} / nullif({int}, 0))",
    "({decimal} % {n})",
    "(- {decimal})",
    "abs({decimal})",
    "round({decimal})",
    "round({decimal}, 1)",
    "round({decimal}, 2)",
    "round({decimal}, -1)",
    "trunc({decimal})",
    "trunc({decimal}, 1)",
    "ceil({decimal})",
    "floor({decimal})",
    "sign({decimal})",
    "mod({decimal}, {n})",
    "sqrt(abs({decimal}))",
    "{decimal}::numeric(20, 2)",
    "{double}::numeric(20, 3)",
    "extract({part} FROM {instant})",
    "extract({part} FROM {stamp})",
    "extract(second FROM {stamp})",
    "extract(epoch FROM {instant})",
    "extract({day_part} FROM {date})",
    "extract(epoch FROM ({instant} - {instant}))",
    "CASE WHEN {flag} THEN {decimal} ELSE {int} END",
    "coalesce({big}, {decimal})",
    "greatest({int}, {decimal})",
];

const DOUBLE: &[&str] = &[
    "{decimal}::float8",
    "{big}::float8",
    "{int}::float8",
    "({double} + {double})",
    "({double} - {int})",
    "({double} + {decimal})",
    "({double} * {n})",
    "({double} / {n})",
    "({int} / {n}::float8)",
    "(- {double})",
    "abs({double})",
    "floor({double})",
    "ceil({double})",
    "trunc({double})",
    "sign({double})",
    "sqrt(abs({double}))",
    "ln(abs({double}) + 1)",
    "power({double}, 2)",
    "exp(least(abs({double}), 2))",
    "date_part({part_text}, {stamp})",
    "CASE WHEN {flag} THEN {double} ELSE {int} END",
];

const TEXT: &[&str] = &[
    "upper({text})",
    "lower({text})",
    "initcap({text})",
    "reverse({text})",
    "trim({text})",
    "btrim({text}, {letters})",
    "ltrim({text}, {letters})",
    "rtrim({text}, {letters})",
    "trim(both {letters} from {text})",
    "left({text}, {n})",
    "left({text}, -{n})",
    "right({text}, {n})",
    "right({text}, -{n})",
    "substring({text}, {n})",
    "substring({text} FROM {n} FOR {n})",
    "substr({text}, {int}, {n})",
    "replace({text}, {letters}, {letters})",
    "translate({text}, 'aeiou', 'AE')",
    "lpad({text}, {n}, '*')",
    "rpad({text}, {n}, 'xy')",
    "lpad({int}::text, 5, '0')",
    "repeat({text}, 2)",
    "repeat({letters}, {int} % 4)",
    "split_part({text}, {letters}, 1)",
    "split_part({text}, '-', 2)",
    "split_part({text}, '-', -1)",
    "overlay({text} PLACING {letters} FROM {n} FOR 2)",
    "concat({text}, {int}, {text})",
    "concat_ws('-', {text}, {text}, {int})",
    "({text} || {text})",
    "({text} || {int})",
    "({big} || {text})",
    "md5({text})",
    "regexp_replace({text}, {regex}, '<>')",
    "regexp_replace({text}, {regex}, '[\\1]', 'g')",
    "substring({text} FROM {regex})",
    "format('%s/%s', {text}, {int})",
    "quote_ident({text})",
    "quote_literal({text})",
    "to_json(({text})::text)::text",
    "json_build_array({int}, {text}, {flag}, {date})::text",
    "jsonb_build_object('a', {text}, 'b', {int}, 'c', {stamp})::text",
    "to_json({instant})::text",
    "to_hex(abs({int}))",
    "to_char({stamp}, {time_pattern})",
    "to_char({instant}, {time_pattern})",
    "to_char({date}, 'DD Mon YYYY')",
    "to_char({int}, {number_pattern})",
    "to_char({decimal}, {number_pattern})",
    "{int}::text",
    "{big}::text",
    "{flag}::text",
    "{date}::text",
    "{stamp}::text",
    "{instant}::text",
    "{span}::text",
    "({int}::float8)::text",
    "{text}::varchar",
    "array_to_string(string_to_array({text}, '-'), '+')",
    "array_to_string(ARRAY[{text}, {text}], ',', '?')",
    "(string_to_array({text}, '-'))[1]",
    "(ARRAY[{text}, {word}])[{n}]",
];

const DATE: &[&str] = &[
    "{stamp}::date",
    "{instant}::date",
    "({date} + {n})",
    "({date} - {int} % 100)",
    "date_trunc('{unit}', {stamp})::date",
    "make_date(2026, {n}, {n})",
    "to_date(to_char({date}, 'YYYYMMDD'), 'YYYYMMDD')",
    "({date}::text)::date",
    "({instant} AT TIME ZONE {zone})::date",
];

const STAMP: &[&str] = &[
    "({instant} AT TIME ZONE {zone})",
    "{date}::timestamp",
    "({stamp} + {span_word})",
    "({stamp} - {span_word})",
    "date_trunc('{unit}', {stamp})",
    "make_timestamp(2026, {n}, {n}, {n}, {n}, 1.5)",
    "({stamp}::text)::timestamp",
    "date_bin({step}, {stamp}, timestamp '2026-01-01')",
    "({date} + time '12:30')",
];

const INSTANT: &[&str] = &[
    "({stamp} AT TIME ZONE {zone})",
    "({instant} + {span_word})",
    "({instant} - {span_word})",
    "date_trunc('{unit}', {instant})",
    "date_trunc('{unit}', {instant}, {zone})",
    "{stamp}::timestamptz",
    "{date}::timestamptz",
    "({instant}::text)::timestamptz",
    "date_bin({step}, {instant}, timestamptz '2026-01-01 00:00:00+00')",
];

const SPAN: &[&str] = &[
    "({instant} - {instant})",
    "({stamp} - {stamp})",
    "({span} + {span})",
    "({span} - {span})",
    "({span_word} * {n})",
    "(- {span})",
    "age({stamp}, {stamp})",
    "make_interval(days => {int} % 50)",
    "justify_hours({span})",
    "justify_days({span_word})",
    "justify_interval({span})",
    "({int} * interval '1 hour')",
    "({span} * {n})",
    "({span} / {n})",
    "({span_word} * 0.3)",
];
