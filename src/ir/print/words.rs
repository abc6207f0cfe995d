//! Words and small phrases: literals, durations, windows.

use super::Lang;
use crate::functions::AggregateFn;
use crate::ir::time::WindowWords;
use crate::ir::{CompareOp, Literal, Moment, Program, Window};
use crate::syntax::ast::{Duration, Number, TimeUnit};
use crate::value::Value;
use chrono::{NaiveDateTime, Timelike};
use unicode_width::UnicodeWidthChar;

pub fn literal(program: &Program, literal: &Literal, lang: Lang) -> String {
    match literal {
        Literal::Number(n) => number(*n),
        Literal::Text(text) => quoted(text),
        Literal::Bool(b) => super::value(&Value::Bool(*b), lang),
        Literal::Date(day) => day.to_string(),
        Literal::Local(t) => instant(*t),
        Literal::Utc(t) => instant(program.zone.to_local(*t)),
        Literal::Duration(d) => duration(*d, lang),
    }
}

/// Grouped, without trailing zeros.
pub fn number(n: Number) -> String {
    let (mut digits, mut scale) = (n.digits, n.scale);
    while scale > 0 && digits % 10 == 0 {
        digits /= 10;
        scale -= 1;
    }
    Value::Decimal(digits, i8::try_from(scale).unwrap_or(i8::MAX)).to_string()
}

/// `0.01` as `1%`.
pub fn percent(n: Number) -> String {
    let hundred = match n.scale {
        0 | 1 => n.digits.checked_mul(if n.scale == 0 { 100 } else { 10 }).map(|d| (d, 0)),
        scale => Some((n.digits, scale - 2)),
    };
    match hundred {
        Some((digits, scale)) => format!("{}%", number(Number { digits, scale, has_point: n.has_point })),
        None => number(n),
    }
}

/// Text in double quotes, escapes as the language writes them.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// `2026-10-31T08:00`, with seconds only where there are some.
pub fn instant(t: NaiveDateTime) -> String {
    t.format(if t.second() == 0 { "%Y-%m-%dT%H:%M" } else { "%Y-%m-%dT%H:%M:%S" }).to_string()
}

pub fn duration(d: Duration, lang: Lang) -> String {
    let amount = Value::Int(i64::from(d.amount));
    match lang {
        Lang::En if d.amount == 1 => format!("{amount} {}", d.unit.word()),
        Lang::En => format!("{amount} {}s", d.unit.word()),
        Lang::Zh => format!("{amount} {}", counted_zh(d.unit)),
    }
}

fn counted_zh(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "秒",
        TimeUnit::Minute => "分钟",
        TimeUnit::Hour => "小时",
        TimeUnit::Day => "天",
        TimeUnit::Week => "周",
        TimeUnit::Month => "个月",
        TimeUnit::Quarter => "个季度",
        TimeUnit::Year => "年",
    }
}

/// “the number of days” after `的`: 天数, 月数.
pub fn number_of_zh(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "秒数",
        TimeUnit::Minute => "分钟数",
        TimeUnit::Hour => "小时数",
        TimeUnit::Day => "天数",
        TimeUnit::Week => "周数",
        TimeUnit::Month => "月数",
        TimeUnit::Quarter => "季度数",
        TimeUnit::Year => "年数",
    }
}

pub fn compare(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Equal => "=",
        CompareOp::NotEqual => "≠",
        CompareOp::Less => "<",
        CompareOp::LessEqual => "≤",
        CompareOp::Greater => ">",
        CompareOp::GreaterEqual => "≥",
    }
}

/// What follows the folded value in Chinese: `transactions.amount 之和`.
pub fn fold_zh(function: AggregateFn) -> &'static str {
    match function {
        AggregateFn::Count => "的个数",
        AggregateFn::Sum => "之和",
        AggregateFn::Avg => "的平均值",
        AggregateFn::Min => "的最小值",
        AggregateFn::Max => "的最大值",
        AggregateFn::Median => "的中位数",
        AggregateFn::Stddev => "的标准差",
        AggregateFn::First => "的首次值",
        AggregateFn::Last => "的最近一次值",
        AggregateFn::Distinct => "的不同值个数",
        AggregateFn::MostCommon => "的最常见值",
        AggregateFn::Any => "是否存在",
        AggregateFn::Share => "的占比",
    }
}

/// A window as written, without a preposition: `last 90 days`, `since 2026-01-01`; `None` where none was written.
pub fn window(program: &Program, window: &Window, lang: Lang) -> Option<String> {
    let start = || window.start.map_or_else(String::new, |m| first(program, m));
    let last = || last(program, window);
    // `before` and a bound with a time of day name the end itself, which the window does not hold.
    let end = || match window.end {
        Moment::Day(day) => day.to_string(),
        Moment::Instant(t) => instant(program.zone.to_local(t)),
    };
    Some(match (window.written.as_ref()?, lang) {
        (WindowWords::Last { length, ending: None }, Lang::En) => format!("last {}", duration(*length, lang)),
        (WindowWords::Last { length, ending: Some(ago) }, Lang::En) => {
            format!("last {} ending {} ago", duration(*length, lang), duration(*ago, lang))
        }
        (WindowWords::Last { length, ending: None }, Lang::Zh) => format!("最近 {}", duration(*length, lang)),
        (WindowWords::Last { length, ending: Some(ago) }, Lang::Zh) => {
            format!("截至 {}前的 {}", duration(*ago, lang), duration(*length, lang))
        }
        (WindowWords::Calendar { previous, unit: of }, Lang::En) => {
            format!("{} {}", if *previous { "previous" } else { "this" }, of.word())
        }
        (WindowWords::Calendar { previous, unit }, Lang::Zh) => calendar_zh(*previous, *unit).to_string(),
        (WindowWords::FromTo, Lang::En) => format!("from {} to {}", start(), last()),
        (WindowWords::FromTo, Lang::Zh) => format!("{} 至 {}", start(), last()),
        (WindowWords::Since, Lang::En) => format!("since {}", start()),
        (WindowWords::Since, Lang::Zh) => format!("{} 起", start()),
        (WindowWords::Before, Lang::En) => format!("before {}", end()),
        (WindowWords::Before, Lang::Zh) => format!("{} 之前", end()),
        (WindowWords::On, Lang::En) => format!("on {}", start()),
        (WindowWords::On, Lang::Zh) => format!("{} 当天", start()),
    })
}

fn calendar_zh(previous: bool, unit: TimeUnit) -> &'static str {
    match (unit, previous) {
        (TimeUnit::Second, false) => "这一秒",
        (TimeUnit::Second, true) => "上一秒",
        (TimeUnit::Minute, false) => "这一分钟",
        (TimeUnit::Minute, true) => "上一分钟",
        (TimeUnit::Hour, false) => "这一小时",
        (TimeUnit::Hour, true) => "上一小时",
        (TimeUnit::Day, false) => "当天",
        (TimeUnit::Day, true) => "前一天",
        (TimeUnit::Week, false) => "本周",
        (TimeUnit::Week, true) => "上周",
        (TimeUnit::Month, false) => "本月",
        (TimeUnit::Month, true) => "上月",
        (TimeUnit::Quarter, false) => "本季度",
        (TimeUnit::Quarter, true) => "上季度",
        (TimeUnit::Year, false) => "本年",
        (TimeUnit::Year, true) => "上年",
    }
}

pub fn dated_window(program: &Program, window: &Window, lang: Lang) -> String {
    let last = last(program, window);
    let range = match (window.start, lang) {
        (Some(start), Lang::En) => format!("{} to {last}", first(program, start)),
        (Some(start), Lang::Zh) => format!("{} 至 {last}", first(program, start)),
        (None, Lang::En) => format!("all up to {last}"),
        (None, Lang::Zh) => format!("截至 {last} 的全部"),
    };
    match &window.written {
        Some(WindowWords::Last { .. } | WindowWords::Calendar { .. } | WindowWords::Before) => {
            let words = self::window(program, window, lang).unwrap_or_default();
            match lang {
                Lang::En => format!("{words}: {range}"),
                Lang::Zh => format!("{words}：{range}"),
            }
        }
        Some(WindowWords::On) => self::window(program, window, lang).unwrap_or_default(),
        Some(WindowWords::FromTo | WindowWords::Since) | None => range,
    }
}

fn first(program: &Program, start: Moment) -> String {
    match start {
        Moment::Day(day) => day.to_string(),
        Moment::Instant(t) => instant(program.zone.to_local(t)),
    }
}

/// The last day of a window, or the moment at which it ends within a day.
fn last(program: &Program, window: &Window) -> String {
    match window.end {
        Moment::Day(_) => window.days(&program.zone).1.to_string(),
        Moment::Instant(t) => instant(program.zone.to_local(t)),
    }
}

/// Joins Chinese and other words: a space between scripts, none between two Chinese characters or beside
/// full-width punctuation.
pub fn glue(parts: &[&str]) -> String {
    let mut out = String::new();
    for part in parts.iter().filter(|p| !p.is_empty()) {
        if let (Some(a), Some(b)) = (out.chars().next_back(), part.chars().next())
            && !is_wide_punctuation(a)
            && !is_wide_punctuation(b)
            && !(is_wide(a) && is_wide(b))
        {
            out.push(' ');
        }
        out.push_str(part);
    }
    out
}

fn is_wide(c: char) -> bool {
    c.width() == Some(2)
}

fn is_wide_punctuation(c: char) -> bool {
    matches!(c, '，' | '（' | '）' | '；' | '：' | '、' | '。')
}
