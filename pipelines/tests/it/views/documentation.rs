//! `pipelines/VIEWS.md` is made from the views' own comments; `UPDATE_DOCS=1` writes it anew.

use std::fmt::Write;
use std::path::Path;

use arrow::datatypes::DataType;
use engine::meter::{Aggregation, Dimension, Meter, Window};
use pipelines::catalog::Visibility;
use pipelines::views::{self, Description, View};

const HEAD: &str = "\
# Views

What SQL sees, through every door. Made from the comments in the code (`UPDATE_DOCS=1 cargo test --workspace --test it
the_views_are_documented`); the same texts are in `information_schema.tables.table_comment`,
`information_schema.columns.column_comment`, `pg_description` and `\\d+`.

Instants are UTC with microseconds; `numeric` is exact. `queries` and the tenants' facts (`tenants`, `quotas`, `audit`) are as
of now, all else is as of one cut, which the view `engine` describes.
";

fn sql_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 => "text".into(),
        DataType::Dictionary(_, of) => sql_type(of),
        DataType::Int64 => "bigint".into(),
        DataType::UInt16 => "integer".into(),
        DataType::Boolean => "boolean".into(),
        DataType::Timestamp(..) => "timestamptz".into(),
        DataType::Decimal128(precision, scale) => format!("numeric({precision}, {scale})"),
        other => panic!("the documentation has no name for {other}"),
    }
}

fn section(view: &dyn View, title: &str, seen: &str) -> String {
    let comments = Description::of(view);
    let mut text = format!("\n## {title}\n\n{}. {seen}\n\n| column | type | |\n|---|---|---|\n", comments[0].comment);
    for field in view.schema().fields() {
        let comment = comments.iter().find(|each| each.column.as_deref() == Some(field.name()));
        let comment = &comment.unwrap_or_else(|| panic!("{title}.{} has no comment", field.name())).comment;
        assert!(!comment.contains('|'), "{comment}");
        let null = if field.is_nullable() { "; may be null" } else { "" };
        writeln!(text, "| `{}` | {} | {comment}{null} |", field.name(), sql_type(field.data_type())).unwrap();
    }
    text
}

fn documentation() -> String {
    let own = views::all(&Visibility::Tenant("acme".into()));
    let mut text = HEAD.to_owned();
    for view in views::all(&Visibility::Platform) {
        let seen = match own.iter().find(|of_tenant| of_tenant.name() == view.name()) {
            None => "For the platform only.",
            Some(view) if view.schema().column_with_name("tenant").is_some() => "A tenant sees its own rows.",
            Some(_) => "A tenant sees all rows.",
        };
        text += &section(view.as_ref(), &format!("`{}`", view.name()), seen);
    }
    let meter = Meter {
        name: "NAME".into(),
        event_type: "call".into(),
        value: None,
        aggregation: Aggregation::Count,
        dimensions: vec![Dimension { name: "region".into(), path: "$.region".into() }],
        window: Window::Tumbling { size_s: 60 },
        allowed_lateness_s: 0,
        description: "The windows of one meter, one such view per meter; its comment is the meter's description".into(),
    };
    let seen = "A tenant sees its own rows. Here with one dimension, `region`.";
    text + &section(views::meter::view(meter).as_ref(), "`meter_<name>`", seen)
}

#[test]
fn the_views_are_documented() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("VIEWS.md");
    let made = documentation();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == made, "{} is not what the views say: run this test with UPDATE_DOCS=1", path.display());
}
