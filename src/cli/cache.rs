//! `segue cache`: what the prompt keeps on the disk, and its removal.

use super::arguments::{CacheAction, CacheFormat, Common, size};
use super::print::{Printer, out};
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::print::Lang;
use crate::session::{Folder, Summary, cache_folder};
use crate::source::SourceMap;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;
use std::time::{Duration, SystemTime};

/// The folder that this process would use; none where the environment names none, or `--cache-size 0`.
pub fn folder(common: &Common) -> Result<Option<Folder>, Diagnostic> {
    let most = match common.cache_size.as_deref().map(str::trim) {
        None => None,
        Some("0") => Some(0),
        Some(text) => Some(size(text).and_then(|n| u64::try_from(n).ok()).ok_or_else(|| {
            Diagnostic::new(Code::BadCall, format!("--cache-size {text}: this is no size"))
                .help("write 512MB or 4GB, or 0 for none")
        })?),
    };
    Ok(cache_folder(common.cache_dir.clone(), most, |name| std::env::var_os(name)))
}

pub fn cache(common: &Common, action: Option<CacheAction>, format: CacheFormat, printer: &Printer) -> u8 {
    let fail = |d: Diagnostic| printer.findings(&[d], &SourceMap::default());
    let folder = match folder(common) {
        Ok(Some(folder)) => folder,
        Ok(None) => {
            return fail(
                Diagnostic::new(Code::BadCall, "there is no folder for a cache")
                    .help("name one with --cache-dir, or in the environment as SEGUE_CACHE_DIR"),
            );
        }
        Err(d) => return fail(d),
    };
    match action {
        None => show(&folder, format, printer),
        Some(CacheAction::Clear) => match folder.clear() {
            Ok(removed) => {
                cleared(&folder, &removed, format, printer);
                0
            }
            Err(e) => fail(Diagnostic::new(
                Code::CannotWrite,
                format!("{} cannot be cleared: {e}", folder.path().display()),
            )),
        },
    }
}

fn show(folder: &Folder, format: CacheFormat, printer: &Printer) -> u8 {
    let summary = folder.summary();
    let path = folder.path().display();
    let used = summary.oldest.zip(summary.newest);
    if format == CacheFormat::Json {
        let told = json!({
            "folder": path.to_string(),
            "columns": summary.columns,
            "bytes": summary.bytes,
            "limit": folder.most(),
            "oldest": used.map(|(oldest, _)| moment(oldest)),
            "newest": used.map(|(_, newest)| moment(newest)),
            "open_to_all": folder.is_open_to_all(),
        });
        return json_out(&told);
    }
    let now = SystemTime::now();
    let age = |at: SystemTime| age(now.duration_since(at).unwrap_or_default(), printer.lang);
    let (bytes, limit) = (bytes(summary.bytes), bytes(folder.most()));
    let mut lines = match printer.lang {
        Lang::En => vec![
            format!("folder   {path}"),
            format!("columns  {}", summary.columns),
            format!("size     {bytes} of at most {limit}"),
        ],
        Lang::Zh => vec![
            format!("文件夹  {path}"),
            format!("列数    {}", summary.columns),
            format!("大小    {bytes}，上限 {limit}"),
        ],
    };
    if let Some((oldest, newest)) = used {
        lines.extend(match printer.lang {
            Lang::En => [
                format!("oldest   last used {} ago", age(oldest)),
                format!("newest   last used {} ago", age(newest)),
            ],
            Lang::Zh => [format!("最旧    {}前使用", age(oldest)), format!("最新    {}前使用", age(newest))],
        });
    }
    if folder.is_open_to_all() {
        lines.push(match printer.lang {
            Lang::En => {
                "not used: everybody may write into the folder (chmod 700 makes it yours alone)".to_string()
            }
            Lang::Zh => "未使用：任何人都可写入该文件夹（chmod 700 使其仅归您所有）".to_string(),
        });
    }
    out(&format!("{}\n", lines.join("\n")));
    0
}

fn cleared(folder: &Folder, removed: &Summary, format: CacheFormat, printer: &Printer) -> u8 {
    let path = folder.path().display().to_string();
    if format == CacheFormat::Json {
        return json_out(&json!({
            "folder": path,
            "removed": { "columns": removed.columns, "bytes": removed.bytes },
        }));
    }
    let (columns, bytes) = (removed.columns, bytes(removed.bytes));
    out(&match printer.lang {
        Lang::En if columns == 1 => format!("removed 1 column ({bytes}) from {path}\n"),
        Lang::En => format!("removed {columns} columns ({bytes}) from {path}\n"),
        Lang::Zh => format!("已从 {path} 删除 {columns} 列（{bytes}）\n"),
    });
    0
}

fn json_out(value: &serde_json::Value) -> u8 {
    out(&format!("{}\n", serde_json::to_string_pretty(value).unwrap_or_default()));
    0
}

fn moment(at: SystemTime) -> String {
    DateTime::<Utc>::from(at).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// In powers of 1024, as sizes are written in options.
fn bytes(n: u64) -> String {
    let units = ["B", "KB", "MB", "GB"];
    let at = (0..units.len()).rev().find(|at| n >= 1 << (10 * at)).unwrap_or(0);
    let unit = units.get(at).unwrap_or(&"B");
    match n as f64 / (1u64 << (10 * at)) as f64 {
        whole if at == 0 || whole.fract() == 0.0 => format!("{whole} {unit}"),
        part => format!("{part:.1} {unit}"),
    }
}

/// In its largest unit.
fn age(age: Duration, lang: Lang) -> String {
    let seconds = age.as_secs();
    let units = [(86400, "day", "天"), (3600, "hour", "小时"), (60, "minute", "分钟"), (1, "second", "秒")];
    let (length, en, zh) =
        units.into_iter().find(|(length, _, _)| seconds >= *length).unwrap_or((1, "second", "秒"));
    let n = seconds / length;
    match lang {
        Lang::En if n == 1 => format!("1 {en}"),
        Lang::En => format!("{n} {en}s"),
        Lang::Zh => format!("{n} {zh}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_ages_are_said_in_one_unit() {
        assert_eq!([0, 1023, 1024, 1536, 8 << 30].map(bytes), ["0 B", "1023 B", "1 KB", "1.5 KB", "8 GB"]);
        let of = |seconds, lang| age(Duration::from_secs(seconds), lang);
        assert_eq!(of(0, Lang::En), "0 seconds");
        assert_eq!(of(61, Lang::En), "1 minute");
        assert_eq!(of(3 * 86400 + 5, Lang::En), "3 days");
        assert_eq!(of(7200, Lang::Zh), "2 小时");
    }
}
