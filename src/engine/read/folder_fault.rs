//! What can be wrong with a folder of parts.

/// What is wrong with a folder of parts, or with one of its entries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FolderFault {
    /// A folder without a table.
    #[error("the folder holds no table")]
    Empty,
    /// A table, or a folder of tables, that Spark and Hive would not read.
    #[error("holds a table by its name, and Spark and Hive pass over names that begin with `_` or `.`")]
    Hidden,
    /// A folder that names no column.
    #[error("is a folder, and inside a folder of parts only folders named `column=value` are read")]
    InnerFolder,
    /// JSON in a folder that names a column.
    #[error("JSON holds all columns itself, and the folder above names one more")]
    Json,
    /// A link to a folder.
    #[error("links to a folder, and inside a folder of parts such links are not followed")]
    LinkToFolder,
    /// A name that is no text.
    #[error("the folder holds a name that is no text")]
    NoText,
    /// A pipe, a socket or a device.
    #[error("is neither a file nor a folder")]
    NotAFile,
    /// A folder whose name has an equals sign and cannot be read.
    #[error("is in a folder whose name is not `column=value` as Hive writes it")]
    PartitionName,
    /// Parts with other columns in the names of their folders than the first.
    #[error("is under folders that name other columns than those of the first part")]
    Partitions,
    /// A format that keeps a log of which files count.
    #[error("the folder is a {0} table: its log says which of its files count")]
    TableFormat(&'static str),
    /// What a job leaves until it has finished.
    #[error("is there until a job has finished, so parts may be missing")]
    Unfinished,
}
