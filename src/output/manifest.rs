//! The manifest: what an audience's file is, how it came about, and from what.

use super::atomic::Finished;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// One manifest, beside its file: `spring_wealth.parquet.manifest.json`. Between two runs of one script on the
/// same data for the same `as of` only `made_at` differs.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
pub struct Manifest {
    /// The version that made it.
    pub segue: String,
    pub audience: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    pub segment: String,
    pub script: Script,
    /// As typed: `2026-10-31` or `2026-10-31T08:00:00`.
    pub as_of: String,
    pub zone: String,
    pub params: Vec<Param>,
    /// RFC 3339.
    pub made_at: String,
    pub sources: Vec<Source>,
    /// From the segment to the list, in the order applied.
    pub waterfall: Vec<Step>,
    /// In the list, held-out customers not counted.
    pub rows: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<HeldOut>,
    /// Of its split.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arms: Vec<Arm>,
    pub file: ListFile,
    pub columns: Vec<Column>,
    /// `via`, `offer`, `benefit`, `message` and `@…`, as written.
    pub notes: Vec<Note>,
    pub warnings: Vec<String>,
}

/// The files of the script, the one that was run first.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Script {
    pub files: Vec<ScriptFile>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct ScriptFile {
    pub name: String,
    pub sha256: String,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Param {
    pub name: String,
    pub value: String,
    /// Given for the run, not by the script.
    pub overridden: bool,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Source {
    pub name: String,
    pub pattern: String,
    pub files: u64,
    pub bytes: u64,
    /// When the newest of the files was modified, RFC 3339.
    pub newest: Option<String>,
}

/// One step of the waterfall: `require`, `exclude`, `cap`, `limit`, `control`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Step {
    pub step: String,
    /// What it asks, in words.
    pub rule: String,
    pub remaining: u64,
    pub lost: u64,
    /// Of whom the rule is neither true nor false.
    pub undecided: u64,
}

/// Customers of the audience who are not contacted.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct HeldOut {
    pub rows: u64,
    pub file: ListFile,
}

/// One arm of a split: a value of the column `arm`.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
pub struct Arm {
    pub arm: String,
    /// As asked for, from 0 to 1.
    pub share: f64,
    pub rows: u64,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct ListFile {
    /// Without its folder: the manifest stands beside it.
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
    pub format: String,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Column {
    pub name: String,
    #[serde(rename = "type")]
    pub ty: String,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Note {
    pub name: String,
    pub value: String,
}

impl Manifest {
    /// As it stands in its file.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    pub fn from_json(text: &str) -> Result<Manifest, serde_json::Error> {
        serde_json::from_str(text)
    }
}

impl ListFile {
    pub fn of(finished: &Finished, format: super::Format) -> ListFile {
        ListFile {
            name: finished.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            bytes: finished.bytes,
            sha256: finished.sha256.clone(),
            format: format.name().to_string(),
        }
    }
}

/// Where the manifest of a list stands: `out/list.parquet.manifest.json`.
pub fn manifest_path(list: &Path) -> PathBuf {
    let mut name = list.file_name().map_or_else(OsString::new, OsString::from);
    name.push(".manifest.json");
    list.with_file_name(name)
}

/// Where the customers stand who are held out of a list: `out/list.held_out.parquet`.
pub fn held_out_path(list: &Path) -> PathBuf {
    let mut name = list.file_stem().map_or_else(OsString::new, OsString::from);
    name.push(".held_out");
    if let Some(ending) = list.extension() {
        name.push(".");
        name.push(ending);
    }
    list.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siblings_stand_beside_their_list() {
        let list = Path::new("out/2026-10-31/春季.v2.parquet");
        assert_eq!(manifest_path(list), Path::new("out/2026-10-31/春季.v2.parquet.manifest.json"));
        assert_eq!(held_out_path(list), Path::new("out/2026-10-31/春季.v2.held_out.parquet"));
    }

    #[test]
    fn a_manifest_survives_its_file() {
        let file = ListFile { name: "a.csv".into(), bytes: 12, sha256: "00".into(), format: "csv".into() };
        let manifest = Manifest {
            segue: "0.1.0".into(),
            audience: "spring_wealth".into(),
            title: None,
            segment: "high_value".into(),
            script: Script { files: vec![ScriptFile { name: "retail.seg".into(), sha256: "11".into() }] },
            as_of: "2026-10-31".into(),
            zone: "Asia/Shanghai".into(),
            params: vec![Param { name: "rich".into(), value: "1,000,000".into(), overridden: false }],
            made_at: "2026-11-01T02:00:00Z".into(),
            sources: Vec::new(),
            waterfall: vec![Step {
                step: "require".into(),
                rule: "consent_sms".into(),
                remaining: 9,
                lost: 1,
                undecided: 0,
            }],
            rows: 8,
            held_out: Some(HeldOut { rows: 1, file: file.clone() }),
            arms: vec![
                Arm { arm: "a".into(), share: 0.5, rows: 3 },
                Arm { arm: "b".into(), share: 0.5, rows: 5 },
            ],
            file,
            columns: vec![Column { name: "assets".into(), ty: "decimal(18,2)".into() }],
            notes: vec![Note { name: "via".into(), value: "短信".into() }],
            warnings: Vec::new(),
        };
        let text = manifest.to_json().unwrap();
        assert!(text.contains("\"type\": \"decimal(18,2)\"") && text.ends_with("}\n"));
        assert_eq!(Manifest::from_json(&text).unwrap(), manifest);
    }
}
