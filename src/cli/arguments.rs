//! What the command line takes: the one table from which help and shell completions are made.

use crate::output::rows::RowFormat;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Customer segments as a language: tags, segments and audiences over Parquet tables, with reasons.
#[derive(Parser, Debug)]
#[command(name = "segue", version, about, long_about = None, max_term_width = 100)]
pub struct Arguments {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

#[derive(Args, Clone, Debug)]
pub struct Common {
    /// The day (2026-10-31) or instant (2026-10-31T08:00) that the run is relative to; today where not given
    #[arg(long, global = true, value_name = "DATE")]
    pub as_of: Option<String>,
    /// A parameter's value for this run
    #[arg(long, global = true, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// The language of explanations; from the locale where not given
    #[arg(long, global = true, value_enum)]
    pub lang: Option<LangName>,
    /// Colours: on a terminal, always, or never (NO_COLOR is heeded)
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    pub color: When,
    /// How findings are printed, on stderr
    #[arg(long, global = true, value_enum, default_value = "human", value_name = "FORM")]
    pub findings: Findings,
    /// Threads that a run may use; all where not given
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<usize>,
    /// Memory that a run may use (512MB, 4GB) before it spills to temporary files
    #[arg(long, global = true, value_name = "SIZE")]
    pub memory: Option<String>,
    /// Rows to a batch; results never depend on it
    #[arg(long, global = true, value_name = "ROWS", hide = true)]
    pub batch_size: Option<usize>,
    /// How events are folded; results never depend on it
    #[arg(long, global = true, value_enum, default_value = "fold", value_name = "WAY")]
    pub engine: EngineName,
    /// At the prompt: keep nothing of what a question works out for the next one, neither in memory nor on the disk
    #[arg(long, global = true)]
    pub no_cache: bool,
    /// The folder for what the prompt keeps and has no room for in memory; `segue cache` says which it is
    #[arg(long, global = true, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
    /// What that folder may hold (8GB where not given); with 0 nothing is written
    #[arg(long, global = true, value_name = "SIZE")]
    pub cache_size: Option<String>,
    /// No progress line and no notes on stderr; findings stay
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Questions at a prompt
    Repl {
        /// Scripts to start with
        files: Vec<PathBuf>,
    },
    /// Run scripts: write their audiences, answer their commands
    Run(Run),
    /// Check scripts against their sources, without reading rows
    Check(Check),
    /// Bring scripts to their one layout; comments stay, the meaning never changes
    Fmt(Fmt),
    /// Ask one command of the language against a script: segue ask retail.seg 'why 10042 in high_value'
    Ask {
        file: PathBuf,
        /// `count X`, `show X limit 20`, `explain X`, `why KEY in X`, `portrait KEY`, `describe TAG`, `profile X`, `overlap A, B`, `list`
        command: String,
        #[arg(long, value_enum, default_value = "table")]
        format: OutputFormat,
    },
    /// A segment's keys and the tags that it used, on stdout
    Members {
        file: PathBuf,
        segment: String,
        #[arg(long, value_enum, default_value = "csv")]
        format: OutputFormat,
    },
    /// Write the tag dictionary of scripts, as Markdown and as one HTML page
    Docs(Docs),
    /// What a code such as E0201 means; all codes where none is given
    Explain { code: Option<String> },
    /// What a stage makes of a script: the syntax tree, the typed program, the plans
    Debug {
        #[arg(value_enum)]
        stage: Stage,
        file: PathBuf,
    },
    /// Make a demo bank: customers, accounts, transactions, app events, campaigns
    Demo(Demo),
    /// What the prompt keeps on the disk: the folder, how much lies there, and since when
    Cache {
        #[command(subcommand)]
        action: Option<CacheAction>,
        #[arg(long, global = true, value_enum, default_value = "table")]
        format: CacheFormat,
    },
    /// Completions for a shell: segue completions bash > /etc/bash_completion.d/segue
    Completions {
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

#[derive(Subcommand, Clone, Copy, Debug)]
pub enum CacheAction {
    /// Remove all of it; nothing else in the folder is touched
    Clear,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum CacheFormat {
    Table,
    Json,
}

#[derive(Args, Debug)]
pub struct Run {
    /// Scripts; what they `use` is read too
    #[arg(required_unless_present = "text")]
    pub files: Vec<PathBuf>,
    /// Statements to run after the scripts; segments in them are explained at once
    #[arg(short = 'e', long = "text", value_name = "TEXT")]
    pub text: Option<String>,
    /// Only this audience or segment
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// The folder that relative targets (`to "…"`) start from, instead of the script's
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "table")]
    pub format: OutputFormat,
    /// A definition whose `@expires` has passed is an error
    #[arg(long)]
    pub strict: bool,
}

#[derive(Args, Debug)]
pub struct Check {
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Read every row too: duplicate keys, orphans, events without a time, values that do not fit, stray blanks
    #[arg(long)]
    pub data: bool,
    /// How findings are printed; as JSON they are the answer, on stdout
    #[arg(long, value_enum)]
    pub format: Option<Findings>,
    /// A definition whose `@expires` has passed is an error
    #[arg(long)]
    pub strict: bool,
}

#[derive(Args, Debug)]
pub struct Docs {
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// The folder for index.md and index.html
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Read no rows: coverage, spreads and sizes are left out
    #[arg(long)]
    pub no_data: bool,
}

#[derive(Args, Debug)]
pub struct Fmt {
    /// Scripts, folders of scripts, or `-` for standard input, whose canonical text goes to standard output
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Write nothing: name the scripts that would change, and exit with 1 where there are any
    #[arg(long)]
    pub check: bool,
}

#[derive(Args, Debug)]
pub struct Demo {
    /// The folder of the bank
    pub dir: PathBuf,
    /// How many customers; transactions are about 25 times as many
    #[arg(long, default_value_t = 20_000)]
    pub customers: u64,
    /// The same seed makes the same bytes
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
    /// Then run the bank's example script and show its audience with reasons
    #[arg(long)]
    pub run: bool,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum EngineName {
    /// By an operator of its own: one pass, into a few bytes for each row
    Fold,
    /// By DataFusion's operators alone
    Plain,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum LangName {
    En,
    Zh,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    Auto,
    Always,
    Never,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Findings {
    Human,
    Short,
    Json,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    Ast,
    Ir,
    Plan,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutputFormat {
    Table,
    Json,
    Ndjson,
    Csv,
}

impl From<OutputFormat> for RowFormat {
    fn from(format: OutputFormat) -> RowFormat {
        match format {
            OutputFormat::Table => RowFormat::Table,
            OutputFormat::Json => RowFormat::Json,
            OutputFormat::Ndjson => RowFormat::Ndjson,
            OutputFormat::Csv => RowFormat::Csv,
        }
    }
}

/// `512MB`, `4GB`, `1_000_000`: in bytes, powers of 1024.
pub fn size(text: &str) -> Option<usize> {
    let text = text.trim().replace('_', "").to_uppercase();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..)? {
        "" | "B" => 1,
        "K" | "KB" | "KIB" => 1 << 10,
        "M" | "MB" | "MIB" => 1 << 20,
        "G" | "GB" | "GIB" => 1usize << 30,
        _ => return None,
    };
    digits.parse::<usize>().ok()?.checked_mul(unit).filter(|n| *n > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_table_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("512MB"), Some(512 << 20));
        assert_eq!(size("4g"), Some(4 << 30));
        assert_eq!(size("10"), Some(10));
        assert_eq!(size("ten"), None);
        assert_eq!(size("0"), None);
    }
}
