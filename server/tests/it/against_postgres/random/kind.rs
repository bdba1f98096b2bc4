//! What has columns, and of which kinds they are.

/// A type, as far as it decides where an expression can stand. PostgreSQL's: `int` and `bigint` are two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Flag,
    Int,
    Big,
    Decimal,
    Double,
    Text,
    Date,
    Stamp,
    Instant,
    Span,
}

/// All of them; texts, numbers and instants more than once, as they are asked for more.
const CHOICE: [Kind; 14] = [
    Kind::Flag,
    Kind::Int,
    Kind::Int,
    Kind::Big,
    Kind::Decimal,
    Kind::Decimal,
    Kind::Double,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Date,
    Kind::Stamp,
    Kind::Instant,
    Kind::Span,
];

impl Kind {
    /// How many [`Self::of`] knows.
    pub(super) const COUNT: u64 = CHOICE.len() as u64;

    pub(super) fn of(number: u64) -> Self {
        CHOICE[number as usize]
    }

    /// The kind of a column, by its type's name.
    pub(super) fn of_type(name: &str) -> Self {
        match name {
            "bool" => Self::Flag,
            "int2" | "int4" => Self::Int,
            "int8" => Self::Big,
            "numeric" => Self::Decimal,
            "float8" => Self::Double,
            "text" | "varchar" => Self::Text,
            "date" => Self::Date,
            "timestamp" => Self::Stamp,
            "timestamptz" => Self::Instant,
            "interval" => Self::Span,
            other => panic!("{other} has no kind"),
        }
    }

    /// The kind that a rule calls so.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "flag" => Self::Flag,
            "int" => Self::Int,
            "big" => Self::Big,
            "decimal" => Self::Decimal,
            "double" => Self::Double,
            "text" => Self::Text,
            "date" => Self::Date,
            "stamp" => Self::Stamp,
            "instant" => Self::Instant,
            "span" => Self::Span,
            _ => return None,
        })
    }

    /// Its type.
    pub(super) fn sql(self) -> &'static str {
        match self {
            Self::Flag => "boolean",
            Self::Int => "int",
            Self::Big => "bigint",
            Self::Decimal => "numeric",
            Self::Double => "float8",
            Self::Text => "text",
            Self::Date => "date",
            Self::Stamp => "timestamp",
            Self::Instant => "timestamptz",
            Self::Span => "interval",
        }
    }
}

/// A view by its name, or what stands in `FROM` by its alias.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<(String, Kind)>,
    /// Columns that tell any two rows apart; none if they are not known.
    pub(super) key: Vec<String>,
    /// Whether it has few rows, so that a join with it has not many.
    pub(super) small: bool,
}

impl Table {
    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|(name, _)| name == column)
    }

    /// The same rows under another name.
    pub(super) fn aliased(&self, alias: &str) -> Self {
        Self { name: alias.to_owned(), ..self.clone() }
    }
}

/// What an expression may be made of.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    pub(super) tables: Vec<Table>,
    /// Of a query with groups: what it groups by. Its leaves are these and aggregates.
    pub(super) groups: Option<Vec<(Kind, String)>>,
}

impl Scope {
    /// The columns of a kind, each with its table.
    pub(super) fn columns(&self, kind: Kind) -> Vec<String> {
        let of_kind = |table: &Table| {
            let name = table.name.clone();
            let columns = table.columns.iter().filter(|(_, of)| *of == kind);
            columns.map(move |(column, _)| format!("{name}.{}", quoted(column))).collect::<Vec<_>>()
        };
        self.tables.iter().flat_map(of_kind).collect()
    }

    /// What tells any two rows apart; none if that is not known.
    pub(super) fn key(&self) -> Option<Vec<String>> {
        if self.tables.iter().any(|table| table.key.is_empty()) {
            return None;
        }
        let of = |table: &Table| {
            let name = table.name.clone();
            table.key.iter().map(move |column| format!("{name}.{}", quoted(column))).collect::<Vec<_>>()
        };
        Some(self.tables.iter().flat_map(of).collect())
    }

    /// The rows themselves, of a query with groups.
    pub(super) fn ungrouped(&self) -> Self {
        Self { tables: self.tables.clone(), groups: None }
    }
}

/// A column's name as it is written.
fn quoted(column: &str) -> String {
    if ["limit", "window"].contains(&column) { format!("\"{column}\"") } else { column.to_owned() }
}
