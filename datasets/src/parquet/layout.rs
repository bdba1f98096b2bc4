//! Which columns of a file are read, as what, and where each lies in a batch.
//!
//! A struct is taken apart into its members, each a column of its own behind the file's. Not here: reading values.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::nullif;
use arrow::datatypes::{DataType, Fields};
use engine::path::push_member;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::basic::{Compression, Type as PhysicalType};
use parquet::schema::types::{Type, TypePtr};

use crate::error::DatasetError;
use crate::mapping::time::TimeParser;
use crate::mapping::{DataColumn, Mapping, MappingError, Origin, Roles};

use super::column::{Column, Kind};

/// Levels of lists and structs in a column.
const DEPTH_MAX: usize = 32;

/// A column of values.
struct Leaf {
    /// Name of the file's column, and behind it those of members, joined by `/`.
    name: String,
    pointer: String,
    /// The file's column.
    root: usize,
    /// From there, through structs.
    path: Vec<usize>,
    kind: Kind,
    data_type: DataType,
}

/// The columns of a file.
pub(super) struct Layout {
    /// The file's, each at its place, then members of structs.
    leaves: Vec<Leaf>,
    /// Those of the file's columns that are read.
    roots: Vec<usize>,
    int96: Vec<usize>,
}

impl Layout {
    /// The columns that `mapping` wants, and if it names no ids those that tell rows apart: all that can be read.
    pub(super) fn new(metadata: &ArrowReaderMetadata, mapping: &Mapping) -> Result<(Self, Roles), MappingError> {
        let fields = metadata.schema().fields();
        let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
        let mut roles = mapping.resolve(&names)?;
        let types = metadata.parquet_schema().root_schema().get_fields();
        let mut layout = Self { leaves: Vec::new(), roots: Vec::new(), int96: Vec::new() };
        layout.add(fields, types, None, DEPTH_MAX);
        for root in 0..fields.len() {
            if let (Kind::Struct, DataType::Struct(members)) = (layout.leaves[root].kind, fields[root].data_type()) {
                layout.add(members, types[root].get_fields(), Some(root), DEPTH_MAX - 1);
            }
        }
        layout.check(&roles)?;
        roles.data = layout.data(&roles.data)?;
        let tells_apart = roles.id.is_none();
        layout.roots = (0..fields.len()).filter(|root| layout.is_wanted(&roles, *root, tells_apart)).collect();
        layout.int96 = layout.roots.iter().copied().filter(|root| is_int96(&types[*root])).collect();
        Ok((layout, roles))
    }

    /// Adds fields, which are the file's or those of the struct `within`; members that are structs are taken apart.
    fn add(&mut self, fields: &Fields, types: &[TypePtr], within: Option<usize>, depth: usize) {
        for (at, (field, parquet)) in fields.iter().zip(types).enumerate() {
            let (mut name, mut pointer, path, root) = match within {
                None => (String::new(), String::new(), Vec::new(), at),
                Some(leaf) => {
                    let leaf = &self.leaves[leaf];
                    (format!("{}/", leaf.name), leaf.pointer.clone(), [&leaf.path[..], &[at]].concat(), leaf.root)
                }
            };
            name.push_str(field.name());
            push_member(&mut pointer, field.name());
            let kind = Kind::of(field.data_type(), parquet, depth);
            let data_type = field.data_type().clone();
            self.leaves.push(Leaf { name, pointer, root, path, kind, data_type: data_type.clone() });
            if let (Some(_), Kind::Struct, DataType::Struct(members)) = (within, kind, &data_type) {
                let leaf = self.leaves.len() - 1;
                self.add(members, parquet.get_fields(), Some(leaf), depth - 1);
            }
        }
    }

    /// Attributes are of types that have one text.
    fn check(&self, roles: &Roles) -> Result<(), MappingError> {
        let refuse = |field: &str, at: usize, expected: &str| {
            let Leaf { name, data_type, .. } = &self.leaves[at];
            let reason = format!("{name} is {data_type}; expected {expected}");
            Err(MappingError { field: field.to_owned(), reason })
        };
        let of = |origin: &Origin| match origin {
            Origin::Column(at) => Some(*at),
            Origin::Constant(_) => None,
        };
        let columns = [
            ("tenant_column", of(&roles.tenant)),
            ("type_column", of(&roles.event_type)),
            ("id_column", roles.id),
            ("subject_column", roles.subject),
        ];
        let further = roles.attributes.iter().map(|(_, at)| ("attributes", Some(*at)));
        for (field, at) in columns.into_iter().chain(further) {
            match at {
                Some(at) if matches!(self.leaves[at].kind, Kind::Json | Kind::Struct | Kind::Unfit) => {
                    return refuse(field, at, "text; cast it");
                }
                _ => {}
            }
        }
        match self.leaves[roles.time].kind {
            Kind::Instant | Kind::Local | Kind::Date | Kind::Text | Kind::Whole | Kind::Number | Kind::Null => Ok(()),
            _ => refuse("time_column", roles.time, "a timestamp, a date, or text or numbers as time_format says"),
        }
    }

    /// The columns of data, structs as their members.
    fn data(&self, wanted: &[DataColumn]) -> Result<Vec<DataColumn>, MappingError> {
        let mut data = Vec::new();
        for column in wanted {
            for (at, leaf) in self.leaves.iter().enumerate().filter(|(_, leaf)| leaf.root == column.at) {
                match leaf.kind {
                    Kind::Unfit => {
                        let reason = format!("{} is {}; exclude it", leaf.name, leaf.data_type);
                        return Err(MappingError { field: "exclude".to_owned(), reason });
                    }
                    Kind::Struct | Kind::Null => {}
                    _ => data.push(DataColumn { at, pointer: leaf.pointer.clone(), cell_type: column.cell_type }),
                }
            }
        }
        Ok(data)
    }

    fn is_wanted(&self, roles: &Roles, root: usize, tells_apart: bool) -> bool {
        let all_fit = self.leaves.iter().filter(|leaf| leaf.root == root).all(|leaf| leaf.kind != Kind::Unfit);
        let is_data = roles.data.iter().any(|column| self.leaves[column.at].root == root);
        roles.is_attribute(root) || is_data || (tells_apart && all_fit)
    }

    /// Refuses wanted columns that are compressed in a way that is not read.
    pub(super) fn check_codecs(
        &self,
        file: &str,
        metadata: &ArrowReaderMetadata,
        wanted: &ProjectionMask,
    ) -> Result<(), DatasetError> {
        for group in metadata.metadata().row_groups() {
            for (at, column) in group.columns().iter().enumerate() {
                if wanted.leaf_included(at) && column.compression() == Compression::LZO {
                    let reason = "compressed by LZO, which is not read; write it with another codec".to_owned();
                    let column = column.column_path().string();
                    return Err(DatasetError::Column { file: file.to_owned(), column, reason });
                }
            }
        }
        Ok(())
    }

    /// The file's columns that are read.
    pub(super) fn roots(&self) -> impl Iterator<Item = usize> + '_ {
        self.roots.iter().copied()
    }

    /// Of them, those that are INT96.
    pub(super) fn int96(&self) -> Vec<usize> {
        self.int96.clone()
    }

    /// Where a column of the file lies in a batch.
    pub(super) fn place(&self, root: usize) -> usize {
        self.roots.iter().position(|other| *other == root).expect("only columns that are read are asked for")
    }

    /// Names and places of the columns that hold values.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, usize)> {
        let holds = |leaf: &Leaf| self.roots.contains(&leaf.root) && !leaf.kind.holds_nothing();
        self.leaves.iter().enumerate().filter(move |(_, leaf)| holds(leaf)).map(|(at, leaf)| (leaf.name.as_str(), at))
    }

    /// The columns of a batch, each at its place; the name and what is wrong of one that can't be taken.
    pub(super) fn columns(&self, batch: &RecordBatch, times: &TimeParser) -> Result<Vec<Column>, (String, String)> {
        let column = |leaf: &Leaf| {
            if leaf.kind.holds_nothing() || !self.roots.contains(&leaf.root) {
                return Ok(Column::Nothing);
            }
            let column = member(batch.column(self.place(leaf.root)), &leaf.path);
            Column::new(leaf.kind, &column, times).map_err(|reason| (leaf.name.clone(), reason))
        };
        self.leaves.iter().map(column).collect()
    }
}

/// The member that `path` leads to, null where a struct around it is.
fn member(column: &ArrayRef, path: &[usize]) -> ArrayRef {
    let mut column = Arc::clone(column);
    for at in path {
        let around = column.as_struct();
        let member = around.column(*at);
        column = match around.nulls() {
            Some(nulls) => {
                let absent = BooleanArray::new(!nulls.inner(), None);
                nullif(member, &absent).expect("a struct is as long as its columns")
            }
            None => Arc::clone(member),
        };
    }
    column
}

fn is_int96(parquet: &Type) -> bool {
    parquet.is_primitive() && parquet.get_physical_type() == PhysicalType::INT96
}
