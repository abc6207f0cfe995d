//! The dictionary as one HTML page that needs nothing else: styles, search and the picture stand in it.

use super::facts::{self, Fact, Facts, anchor, groups, headline, kind, kind_of, pick};
use super::lineage::Lineage;
use crate::explain::dictionary::Dictionary;
use crate::ir::print::Lang;

pub fn html(d: &Dictionary, lang: Lang) -> String {
    let say = |en, zh| pick(lang, en, zh);
    let title = say("Tag dictionary", "标签字典");
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n<p>{}</p>\n\
         <input id=\"search\" type=\"search\" placeholder=\"{}\" aria-label=\"{}\">\n</header>\n<main>\n",
        say("en", "zh"),
        escaped(&headline(d, lang)),
        say("search names, titles, formulas, owners", "搜索名称、标题、口径、负责人"),
        say("search", "搜索"),
    );
    contents(&mut out, d, lang);
    let lineage = Lineage::of(d);
    out.push_str(&format!("<section id=\"lineage\">\n<h2>{}</h2>\n", say("Lineage", "血缘")));
    match lineage.svg() {
        Some(svg) => out.push_str(&format!("<div class=\"picture\">\n{svg}</div>\n")),
        None => out.push_str(&format!(
            "<p>{}</p>\n",
            say("There is too much here for one picture.", "内容过多，不绘制图形。")
        )),
    }
    out.push_str(&format!("</section>\n<section>\n<h2>{}</h2>\n", say("Tags and segments", "标签与客群")));
    for e in &d.entries {
        article(
            &mut out,
            d,
            (e.kind, &e.tag.name, e.tag.title.as_deref()),
            facts::of_entry(e, lang),
            &e.definition,
        );
    }
    out.push_str("</section>\n");
    if !d.audiences.is_empty() {
        out.push_str(&format!("<section>\n<h2>{}</h2>\n", say("Audiences", "名单")));
        for a in &d.audiences {
            article(&mut out, d, ("audience", &a.name, a.title.as_deref()), facts::of_audience(a, lang), "");
        }
        out.push_str("</section>\n");
    }
    out.push_str(&format!("<section>\n<h2>{}</h2>\n", say("Sources", "数据源")));
    for s in &d.sources {
        article(&mut out, d, ("source", &s.name, s.title.as_deref()), facts::of_source(s, lang), "");
    }
    out.push_str(&format!(
        "</section>\n<p id=\"none\" hidden>{}</p>\n</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        say("Nothing is found.", "没有找到。")
    ));
    out
}

fn contents(out: &mut String, d: &Dictionary, lang: Lang) {
    let say = |en, zh| pick(lang, en, zh);
    out.push_str(&format!("<nav>\n<h2>{}</h2>\n", say("Contents", "目录")));
    for (group, entries) in groups(d) {
        let group = group.map_or_else(|| say("Without a group", "未分组").to_string(), escaped);
        out.push_str(&format!("<h3>{group}</h3>\n<ul>\n"));
        for e in entries {
            let title = e.tag.title.as_deref().map_or(String::new(), |t| format!(" {}", escaped(t)));
            out.push_str(&format!(
                "<li data-of=\"{id}\"><a href=\"#{id}\" class=\"{}\">{}</a>{title} <small>{}</small></li>\n",
                e.kind,
                escaped(&e.tag.name),
                escaped(&kind(e, lang)),
                id = anchor(e.kind, &e.tag.name),
            ));
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</nav>\n");
}

fn article(out: &mut String, d: &Dictionary, of: (&str, &str, Option<&str>), facts: Facts, definition: &str) {
    let (kind, name, title) = of;
    let id = anchor(kind, name);
    let title = title.map_or(String::new(), |t| format!(" <span>{}</span>", escaped(t)));
    out.push_str(&format!(
        "<article id=\"{id}\" class=\"{kind}\">\n<h3>{}{title}</h3>\n<dl>\n",
        escaped(name)
    ));
    for (label, fact) in facts {
        let code = |text: &String| format!("<code>{}</code>", escaped(text));
        let value = match &fact {
            Fact::Text(text) => escaped(text),
            Fact::Code(text) => code(text),
            Fact::Codes(list) => list.iter().map(code).collect::<Vec<_>>().join(" "),
            Fact::Lines(list) => list.iter().map(|l| escaped(l)).collect::<Vec<_>>().join("<br>"),
            Fact::Names(names) => {
                let linked = names.iter().map(|n| match kind_of(d, n) {
                    Some(kind) => {
                        format!("<a href=\"#{}\" class=\"{kind}\">{}</a>", anchor(kind, n), escaped(n))
                    }
                    None => escaped(n),
                });
                linked.collect::<Vec<_>>().join(", ")
            }
        };
        out.push_str(&format!("<dt>{label}</dt><dd>{value}</dd>\n"));
    }
    out.push_str("</dl>\n");
    if !definition.is_empty() {
        out.push_str(&format!("<pre>{}</pre>\n", escaped(definition.trim_end())));
    }
    out.push_str("</article>\n");
}

/// Text that can stand in an element or between the quotes of an attribute.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            // No control, nor what turns the direction of the text after it.
            c if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {
                out.push('\u{fffd}');
            }
            c => out.push(c),
        }
    }
    out
}

const STYLE: &str = r#":root {
  color-scheme: light dark;
  --text: #1f2328; --back: #fff; --dim: #59636e; --line: #d1d9e0; --soft: #f6f8fa;
  --source: #59636e; --tag: #0969da; --segment: #1a7f37; --audience: #9a6700;
}
@media (prefers-color-scheme: dark) {
  :root {
    --text: #e6edf3; --back: #0d1117; --dim: #9198a1; --line: #3d444d; --soft: #151b23;
    --source: #9198a1; --tag: #58a6ff; --segment: #3fb950; --audience: #d29922;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 72rem; padding: 1rem 1.5rem 4rem; color: var(--text); background: var(--back);
  font: 15px/1.55 system-ui, "Segoe UI", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif;
}
header { position: sticky; top: 0; z-index: 1; padding: .5rem 0; background: var(--back); border-bottom: 1px solid var(--line); }
h1 { margin: 0; font-size: 1.5rem; }
h2 { margin: 2rem 0 .75rem; font-size: 1.2rem; }
h3 { margin: 0 0 .5rem; font-size: 1rem; overflow-wrap: anywhere; }
h3 span, small, header p, dt { color: var(--dim); font-weight: normal; }
header p { margin: 0 0 .5rem; }
input { width: 100%; padding: .45rem .7rem; font: inherit; color: inherit; background: var(--soft); border: 1px solid var(--line); border-radius: 6px; }
nav h3 { margin-top: 1rem; }
nav ul { margin: 0; padding: 0; list-style: none; columns: 22rem; column-gap: 2rem; }
nav li { break-inside: avoid; overflow-wrap: anywhere; }
article { margin: 0 0 1rem; padding: 1rem; border: 1px solid var(--line); border-left: 4px solid var(--source); border-radius: 6px; scroll-margin-top: 8rem; }
article.tag { border-left-color: var(--tag); }
article.segment { border-left-color: var(--segment); }
article.audience { border-left-color: var(--audience); }
article:target { background: var(--soft); }
dl { display: grid; grid-template-columns: 7rem 1fr; gap: .25rem 1rem; margin: 0; }
dd { margin: 0; overflow-wrap: anywhere; }
code, pre { font-family: ui-monospace, "SF Mono", Consolas, "Noto Sans Mono CJK SC", monospace; font-size: .92em; }
pre { margin: .75rem 0 0; padding: .6rem .8rem; overflow-x: auto; background: var(--soft); border-radius: 6px; }
a { color: var(--tag); text-decoration: none; }
a:hover { text-decoration: underline; }
a.segment { color: var(--segment); }
a.audience { color: var(--audience); }
a.source { color: var(--source); }
.picture { overflow: auto; max-height: 80vh; border: 1px solid var(--line); border-radius: 6px; }
svg { display: block; }
svg text { font: 13px ui-monospace, Consolas, "Noto Sans Mono CJK SC", monospace; fill: var(--text); }
svg rect { fill: var(--soft); stroke: var(--source); }
svg .tag rect { stroke: var(--tag); }
svg .segment rect { stroke: var(--segment); }
svg .audience rect { stroke: var(--audience); }
svg path { fill: none; stroke: var(--dim); stroke-opacity: .55; }
@media print { header { position: static; } input { display: none; } .picture { max-height: none; } }
"#;

const SCRIPT: &str = r#"const field = document.getElementById("search");
const articles = [...document.querySelectorAll("article")];
const lines = new Map([...document.querySelectorAll("nav li")].map(line => [line.dataset.of, line]));
field.addEventListener("input", () => {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const article of articles) {
    const text = article.textContent.toLowerCase();
    const hit = words.every(word => text.includes(word));
    article.hidden = !hit;
    if (hit) found += 1;
    const line = lines.get(article.id);
    if (line) line.hidden = !hit;
  }
  document.getElementById("none").hidden = found > 0;
  document.getElementById("lineage").hidden = words.length > 0;
});
"#;
