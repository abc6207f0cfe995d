//! A page of cases: Markdown read into scripts, tables and expectations.

/// One Markdown file: one feature.
pub struct Page {
    pub name: String,
    /// Loaded before every case's own script.
    pub prelude: String,
    /// Written for every case that has no table of the same name.
    pub tables: Vec<Block>,
    pub cases: Vec<Case>,
}

/// One `## heading`.
#[derive(Default)]
pub struct Case {
    pub name: String,
    /// The heading's line in the page.
    pub line: usize,
    pub known_bug: Option<String>,
    pub as_of: Option<String>,
    pub set: Vec<(String, String)>,
    /// Stands without the page's prelude.
    pub alone: bool,
    pub script: String,
    pub tables: Vec<Block>,
    pub expects: Vec<Block>,
}

/// A fenced block: the words behind its first, and its lines.
#[derive(Clone)]
pub struct Block {
    pub kind: String,
    /// `members rich as of 2026-10-31`
    pub info: String,
    pub lines: Vec<String>,
    pub line: usize,
}

pub const AS_OF: &str = "2026-10-31";

pub fn read(name: &str, text: &str) -> Page {
    let mut page =
        Page { name: name.to_string(), prelude: String::new(), tables: Vec::new(), cases: Vec::new() };
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            let (kind, info) = info.trim().split_once(' ').unwrap_or((info.trim(), ""));
            let body: Vec<String> =
                lines.by_ref().map(|(_, l)| l).take_while(|l| *l != "```").map(str::to_string).collect();
            let block = Block { kind: kind.into(), info: info.trim().into(), lines: body, line: at + 1 };
            page.put(block);
        } else if let Some(title) = line.strip_prefix("## ") {
            page.cases.push(Case { name: title.trim().to_string(), line: at + 1, ..Case::default() });
        } else if let Some(case) = page.cases.last_mut() {
            if let Some(bug) = line.strip_prefix("known bug: ") {
                case.known_bug = Some(bug.to_string());
            } else if let Some(day) = line.strip_prefix("as of ") {
                case.as_of = Some(day.trim().to_string());
            } else if let Some((name, value)) = line.strip_prefix("set ").and_then(|l| l.split_once('=')) {
                case.set.push((name.to_string(), value.to_string()));
            }
        }
    }
    page
}

impl Page {
    fn put(&mut self, block: Block) {
        let at = format!("{}, line {}", self.name, block.line);
        let script = block.lines.join("\n") + "\n";
        match (block.kind.as_str(), self.cases.last_mut()) {
            ("seg", None) => self.prelude.push_str(&script),
            ("seg", Some(case)) => {
                case.alone = block.info == "alone";
                case.script.push_str(&script);
            }
            ("table" | "file", None) => self.tables.push(block),
            ("table" | "file", Some(case)) => case.tables.push(block),
            ("expect", Some(case)) => case.expects.push(block),
            (other, _) => panic!("{at}: a block `{other}` cannot stand here"),
        }
    }
}
