//! The wording of answers, both languages side by side. `{0}`, `{1}` … are filled in.

use crate::ir::print::Lang;

/// One phrase.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Word {
    // How many, and when.
    AsOf,
    AsOfDay,
    Members,
    Nobody,
    NoRows,
    MembersOnly,
    OneMember,
    // Undecided.
    NobodyUndecided,
    Undecided,
    UndecidedBecause,
    Missing,
    Complement,
    ComplementOne,
    ComplementNone,
    // Shares and lists of things.
    Comma,
    Colon,
    More,
    Bracketed,
    Yes,
    No,
    MissingValue,
    // Attrition.
    Attrition,
    Remaining,
    Lost,
    UndecidedColumn,
    Alone,
    From,
    // Tags.
    Tags,
    KnownAll,
    KnownOf,
    KnownNone,
    UndecidedEvents,
    DividedByZero,
    Minimum,
    Median,
    Maximum,
    Different,
    MadeOf,
    UsedBy,
    UsedByNothing,
    AsWritten,
    TagOf,
    RfmOf,
    SegmentOf,
    // Why.
    IsIn,
    IsNotIn,
    IsUndecided,
    InByDefault,
    NearestMiss,
    NearestMisses,
    LeavesOn,
    StaysUntil,
    // Rows.
    FirstOf,
    AllShown,
    ColumnsLeft,
    Sample,
    // Portrait and list.
    Columns,
    Segments,
    Sources,
    Params,
    Audiences,
    Name,
    Title,
    Kind,
    Files,
    Value,
    Type,
    Definition,
    Entity,
    Segment,
    NothingDefined,
    // Audiences.
    Sent,
    NobodySent,
    HeldOut,
    TooSmall,
    StepColumn,
    Rule,
    OfWhichUndecided,
    UndecidedStay,
    Arms,
    ArmOf,
    // Profile and overlap.
    MembersColumn,
    Everyone,
    Index,
    TagColumn,
    Mean,
    MedianColumn,
    KnownColumn,
    Masked,
    NothingToProfile,
    Overlap,
    InNoOther,
    InBoth,
    OfTheFirst,
    OfTheSecond,
    Jaccard,
    InAll,
    FilesWritten,
    Rows,
    Why,
    // After each step.
    FunnelNumber,
    FunnelStep,
    FunnelReached,
    FunnelOfAll,
    FunnelOfBefore,
    // From one day to another.
    BetweenDays,
    BeforeAfter,
    UndecidedThenNow,
    Entered,
    NobodyEntered,
    Left,
    NobodyLeft,
    Changed,
    Customers,
    ShareColumn,
    OnlyThis,
    MovedOf,
    FromTo,
}

/// English, then Chinese.
fn both(word: Word) -> (&'static str, &'static str) {
    match word {
        Word::LeavesOn => ("leaves on {0} if nothing happens: {1}", "若无变化，{0} 起不再属于：{1}"),
        Word::StaysUntil => ("stays until {0} at least if nothing happens", "若无变化，至少到 {0} 仍属于"),
        Word::FunnelNumber => ("#", "#"),
        Word::FunnelStep => ("step", "步骤"),
        Word::FunnelReached => ("reached", "到达"),
        Word::FunnelOfAll => ("of all", "占全部"),
        Word::FunnelOfBefore => ("of the step before", "占上一步"),
        Word::BetweenDays => ("{0} to {1} ({2})", "{0} 至 {1}（{2}）"),
        Word::BeforeAfter => ("{0} members then, {1} now; {2} stayed", "当时 {0}，现在 {1}；其中 {2} 未变"),
        Word::UndecidedThenNow => ("undecided: {0} then, {1} now", "未定：当时 {0}，现在 {1}"),
        Word::Entered => ("Entered: {0}", "进入：{0}"),
        Word::NobodyEntered => ("Nobody entered", "无人进入"),
        Word::Left => ("Left: {0}", "离开：{0}"),
        Word::NobodyLeft => ("Nobody left", "无人离开"),
        Word::Changed => ("Changed for", "变化的条件"),
        Word::Customers => ("customers", "客户数"),
        Word::ShareColumn => ("share", "占比"),
        Word::OnlyThis => ("only this", "仅此一项"),
        Word::MovedOf => ("{0} of {1} {2} moved ({3})", "{2} 共 {1}，变化 {0}（{3}）"),
        Word::FromTo => ("{0} ↓  {1} →", "{0} ↓  {1} →"),

        Word::AsOf => ("as of {0} ({1})", "截至 {0}（{1}）"),
        Word::AsOfDay => ("as of {0}", "截至 {0}"),
        Word::Members => ("{0} of {1} {2} ({3})", "命中 {0} / {1} {2}（{3}）"),
        Word::Nobody => ("nobody, of {0} {1}", "无命中（共 {0} {1}）"),
        Word::NoRows => ("nobody: {0} has no rows", "无命中：{0} 没有任何记录"),
        Word::MembersOnly => ("{0} members", "成员 {0}"),
        Word::OneMember => ("1 member", "成员 1"),

        Word::NobodyUndecided => ("nobody undecided", "无未定"),
        Word::Undecided => ("undecided {0}", "未定 {0}"),
        Word::UndecidedBecause => ("undecided {0}: {1}", "未定 {0}：{1}"),
        Word::Missing => ("{0} missing {1}", "{0} 缺失 {1}"),
        Word::Complement => (
            "of `outside {0}`, {1} are undecided about {0}",
            "“不在 {0} 中”里有 {1} 个未定：是否属于 {0} 未知",
        ),
        Word::ComplementOne => {
            ("of `outside {0}`, 1 is undecided about {0}", "“不在 {0} 中”里有 1 个未定：是否属于 {0} 未知")
        }
        Word::ComplementNone => ("of `outside {0}`, nobody is undecided about {0}", "“不在 {0} 中”里无未定"),

        Word::Comma => (", ", "，"),
        Word::Colon => (": ", "："),
        Word::More => ("{0} more", "另有 {0} 项"),
        Word::Bracketed => (" ({0})", "（{0}）"),
        Word::Yes => ("yes", "是"),
        Word::No => ("no", "否"),
        Word::MissingValue => ("missing", "缺失"),

        Word::Attrition => ("Attrition", "逐步筛选"),
        Word::Remaining => ("remaining", "剩余"),
        Word::Lost => ("lost", "筛掉"),
        Word::UndecidedColumn => ("undecided", "未定"),
        Word::Alone => ("alone", "单独满足"),
        Word::From => ("(from {0})", "（来自 {0}）"),

        Word::Tags => ("Tags", "标签"),
        Word::KnownAll => ("known for all {0}", "全部 {0} 均已覆盖"),
        Word::KnownOf => ("known for {0} of {1} ({2})", "覆盖 {0} / {1}（{2}）"),
        Word::KnownNone => ("known for none of {0}", "覆盖 0 / {0}"),
        Word::UndecidedEvents => {
            ("{0} events left out, their `where` unknown", "{0} 条事件因条件无法判断未计入")
        }
        Word::DividedByZero => ("{0} divisions by zero", "除以零 {0} 次"),
        Word::Minimum => ("min {0}", "最小 {0}"),
        Word::Median => ("median {0}", "中位数 {0}"),
        Word::Maximum => ("max {0}", "最大 {0}"),
        Word::Different => ("{0} different values", "{0} 个不同取值"),
        Word::MadeOf => ("made of: {0}", "取自：{0}"),
        Word::UsedBy => ("used by: {0}", "被引用：{0}"),
        Word::UsedByNothing => ("used by nothing", "未被引用"),
        Word::AsWritten => ("As written", "原文"),
        Word::RfmOf => ("rfm of {0}", "{0} 的 RFM 模型"),
        Word::TagOf => ("tag of {0}", "{0} 的标签"),
        Word::SegmentOf => ("segment of {0}", "{0} 的客群"),

        Word::IsIn => ("{0} is in {1}", "{0} 属于 {1}"),
        Word::IsNotIn => ("{0} is not in {1}", "{0} 不属于 {1}"),
        Word::IsUndecided => ("{0} is undecided about {1}", "{0} 是否属于 {1} 未定"),
        Word::InByDefault => (
            "by default: undecided about a segment that it must be outside of",
            "默认归入：它须不属于某客群，而是否属于未定",
        ),
        Word::NearestMiss => ("nearest miss: {0}", "只差一项：{0}"),
        Word::NearestMisses => ("nearest miss, {0} conditions: {1}", "至少差 {0} 项：{1}"),

        Word::FirstOf => ("first {0} of {1}", "显示前 {0} 行，共 {1} 行"),
        Word::AllShown => ("all {0} shown", "已全部显示，共 {0} 行"),
        Word::ColumnsLeft => ("not shown: {0}", "未显示的列：{0}"),
        Word::Sample => ("Sample", "样例"),

        Word::Columns => ("Columns", "字段"),
        Word::Segments => ("Segments", "客群"),
        Word::Sources => ("Sources", "数据源"),
        Word::Params => ("Parameters", "参数"),
        Word::Audiences => ("Audiences", "名单"),
        Word::Name => ("name", "名称"),
        Word::Title => ("title", "标题"),
        Word::Kind => ("kind", "种类"),
        Word::Files => ("files", "文件"),
        Word::Value => ("value", "取值"),
        Word::Type => ("type", "类型"),
        Word::Definition => ("definition", "定义"),
        Word::Entity => ("entity", "主体"),
        Word::Segment => ("segment", "客群"),
        Word::NothingDefined => ("Nothing is defined.", "尚无任何定义。"),

        Word::Sent => ("{0} of {1} {2} ({3})", "入选 {0} / {1} {2}（{3}）"),
        Word::NobodySent => ("nobody, of {0} {1}", "无入选（共 {0} {1}）"),
        Word::HeldOut => ("{0} held out", "对照组 {0}"),
        Word::TooSmall => ("fewer than its minimum of {0}", "少于最低规模 {0}"),
        Word::StepColumn => ("step", "步骤"),
        Word::Rule => ("rule", "规则"),
        Word::OfWhichUndecided => ("undecided", "其中未定"),
        Word::UndecidedStay => ("not excluded, though undecided about {0}: {1}", "未排除，但 {0} 未定：{1}"),
        Word::Arms => ("arms: {0}", "分组：{0}"),
        Word::ArmOf => ("{0} {1} ({2})", "{0} {1}（{2}）"),
        Word::MembersColumn => ("members", "成员"),
        Word::Everyone => ("everyone", "全体"),
        Word::Index => ("index", "指数"),
        Word::TagColumn => ("tag", "标签"),
        Word::Mean => ("mean", "平均"),
        Word::MedianColumn => ("median", "中位数"),
        Word::KnownColumn => ("known", "覆盖"),
        Word::Masked => ("masked", "已隐藏"),
        Word::NothingToProfile => ("no tags to compare", "没有可比较的标签"),
        Word::Overlap => ("Overlap", "重叠"),
        Word::InNoOther => ("in no other", "仅属于此"),
        Word::InBoth => ("in both", "同时属于"),
        Word::OfTheFirst => ("of the first", "占前者"),
        Word::OfTheSecond => ("of the second", "占后者"),
        Word::Jaccard => ("Jaccard", "Jaccard"),
        Word::InAll => {
            ("in all of them {0}, in any of them {1} ({2})", "同属全部 {0}，至少属于其一 {1}（{2}）")
        }
        Word::FilesWritten => ("Files", "文件"),
        Word::Rows => ("rows", "行数"),
        Word::Why => ("why", "理由"),
    }
}

/// The phrase as it stands.
pub fn t(lang: Lang, word: Word) -> &'static str {
    let (en, zh) = both(word);
    match lang {
        Lang::En => en,
        Lang::Zh => zh,
    }
}

/// The phrase with its places filled.
pub fn say(lang: Lang, word: Word, filling: &[&str]) -> String {
    let (mut out, mut rest) = (String::new(), t(lang, word));
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((place, behind)) = after.split_once('}') else { break };
        out.push_str(place.parse::<usize>().ok().and_then(|i| filling.get(i)).unwrap_or(&""));
        rest = behind;
    }
    out + rest
}

/// Names of things that answers carry as data: types, kinds of sources, steps, what a file holds. English, then
/// Chinese, behind the name in the data; what is not listed stands as it is.
const NAMES: &[(&str, &str, &str)] = &[
    ("whole number", "whole number", "整数"),
    ("decimal", "decimal", "小数"),
    ("float", "float", "浮点数"),
    ("text", "text", "文本"),
    ("label", "label", "分类"),
    ("yes/no", "yes/no", "是/否"),
    ("date", "date", "日期"),
    ("instant", "instant", "时刻"),
    ("duration", "duration", "时长"),
    ("segment", "segment", "客群"),
    ("entity", "entity", "主体"),
    ("events", "events", "事件"),
    ("list", "list", "清单"),
    ("all", "all", "全部"),
    ("require", "require", "须满足"),
    ("exclude", "exclude", "排除"),
    ("limit", "limit", "限量"),
    ("cap", "cap", "频次上限"),
    ("control", "control", "对照"),
    ("delivered", "delivered", "入选"),
    ("audience", "audience", "名单"),
    ("held out", "held out", "对照组"),
    ("manifest", "manifest", "说明"),
];

/// A name of the data in the reader's language.
pub fn name(lang: Lang, name: &str) -> &str {
    match (NAMES.iter().find(|(known, _, _)| *known == name), lang) {
        (Some((_, en, _)), Lang::En) => en,
        (Some((_, _, zh)), Lang::Zh) => zh,
        (None, _) => name,
    }
}

/// A type without its digits or labels: `decimal(18,2)` is a decimal to whoever reads an answer.
pub fn type_name(lang: Lang, full: &str) -> &str {
    name(lang, full.split('(').next().unwrap_or(full).trim())
}
