//! What the prompt says, both languages side by side. `{0}`, `{1}` … are filled in.

use crate::ir::print::Lang;

macro_rules! messages {
    ($($name:ident $en:literal $zh:literal;)*) => {
        /// One message.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Msg { $($name,)* }

        impl Msg {
            #[cfg(test)]
            pub const ALL: &[Msg] = &[$(Msg::$name,)*];

            pub fn template(self, lang: Lang) -> &'static str {
                match (self, lang) { $((Msg::$name, Lang::En) => $en, (Msg::$name, Lang::Zh) => $zh,)* }
            }
        }
    };
}

messages! {
    Banner "Segue {0} · as of {1} · {2} · \\help lists commands" "Segue {0} · 截至 {1} · {2} · 输入 \\help 查看命令";
    Loaded "sources {0}, tags {1}, segments {2}, audiences {3}" "{0} 个数据源，{1} 个标签，{2} 个客群，{3} 份名单";
    Nothing "nothing loaded" "尚未载入脚本";
    NotLoaded "nothing was loaded: mend the script, then \\load it" "未载入：请先修正脚本，再用 \\load 载入";
    NotReloaded "the session stays as it was" "会话保持原样";
    NotAsked "{0} commands of the script were not run" "脚本中的 {0} 条命令未执行";
    NoTerminal "this terminal cannot be used for input" "无法使用此终端输入";
    CannotRead "the input cannot be read: {0}" "无法读取输入：{0}";
    NotUtf8 "the input is not UTF-8" "输入不是 UTF-8 编码";
    UnknownMeta "there is no command \\{0}" "没有命令 \\{0}";
    DidYouMean "did you mean \\{0}?" "您是想输入 \\{0} 吗？";
    SeeHelp "\\help lists them" "输入 \\help 查看全部命令";
    Usage "write: {0}" "写法：{0}";
    AsOf "as of {0}" "截至 {0}";
    BadAsOf "{0} is no day and no instant: write 2026-10-31 or 2026-10-31T08:00" "{0} 不是日期或时刻：请写 2026-10-31 或 2026-10-31T08:00";
    Set "{0} = {1}" "{0} = {1}";
    NoParams "no parameter is defined" "没有定义参数";
    Lang "answers are in English" "以中文回答";
    Format "answers are printed as {0}" "输出格式：{0}";
    Saved "{0} definitions saved in {1}" "{0} 条定义已保存到 {1}";
    SavedWithUse "it begins with `use` of the scripts that are loaded" "文件开头以 use 引用已载入的脚本";
    SaveOverrides "{0} replaces a definition of a loaded script: two definitions of one name are an error until one is removed" "{0} 取代了已载入脚本中的定义：同名定义须删去其一，否则报错";
    SavePaths "paths in it are relative to where it is saved, no longer to the folder of this session" "其中的路径此后相对于该文件所在的文件夹";
    NothingToSave "nothing was defined in this session" "本次会话没有新的定义";
    Exists "{0} is there already: \\save {0}! replaces it" "{0} 已存在：用 \\save {0}! 覆盖";
    CannotSave "{0} cannot be saved: {1}" "无法保存 {0}：{1}";
    SaveName "give the file a name that ends in .seg" "文件名须以 .seg 结尾";
    NoAudience "no audience is named `{0}`" "没有名为 `{0}` 的名单";
    NoAudiences "no audience is defined" "没有定义名单";
    NotWritten "no file was written: \\run {0} writes {1}" "未写入文件：用 \\run {0} 写入 {1}";
    NoTarget "no file was written: the audience has no `to`" "未写入文件：该名单没有 to";
    NoFile "{0} has no `to`: no file was written" "{0} 没有 to：未写入文件";
    SourceEntity "{0}: one row per {1}" "{0}：每个 {1} 一行";
    SourceEvents "{0}: events of {1}" "{0}：{1} 的事件";
    SourceList "{0}: a list" "{0}：清单";
    Columns "columns: {0}" "列：{0}";
    Defined "defined: {0}" "已定义：{0}";
    DefinedAudiences "audiences, not run (\\run NAME writes the files): {0}" "名单，未执行（\\run 名单 写入文件）：{0}";
    Timezone "the zone is {0}" "时区为 {0}";
    GoesOn "a blank line or ; ends it" "空行或 ; 结束";
    Interrupted "interrupted" "已中断";
    NoHelp "no help on `{0}`" "没有关于 `{0}` 的说明";
    HelpMeta "Commands of the prompt:" "提示符命令：";
    HelpStatements "Statements:" "语句：";
    HelpCommands "Questions:" "提问：";
    HelpMore "\\help WORD explains a command, a function or a word of the language. Tab completes. A blank line or `;` ends a statement that could go on." "\\help 词语 说明命令、函数或关键词。Tab 键补全。可续行的语句以空行或 ; 结束。";
    HelpExample "example: {0}" "例：{0}";
    HelpName "`{0}` is a definition: type its name to see it explained" "`{0}` 是一个定义：直接输入名称即可查看";
    Lists "{0} of {1} lists done" "已完成 {0} / {1} 份名单";
    Parts "{0} of {1} parts folded" "已汇总 {0} / {1} 份";
    SecondsLeft "{0}, about {1} s left" "{0}，约剩 {1} 秒";
    Rows "{0} of {1} rows read, {2} rows/s, {3} s" "已读 {0} / {1} 行，每秒 {2} 行，{3} 秒";
    RowsLeft "{0} of {1} rows read, {2} rows/s, about {3} s left" "已读 {0} / {1} 行，每秒 {2} 行，约剩 {3} 秒";
    RowsUnknown "{0} rows read, {1} rows/s, {2} s" "已读 {0} 行，每秒 {1} 行，{2} 秒";
}

/// The message with its blanks filled.
pub fn say(lang: Lang, msg: Msg, blanks: &[&str]) -> String {
    let mut text = String::new();
    let mut rest = msg.template(lang);
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let Some((index, tail)) = after.split_once('}') else { break };
        text.push_str(index.parse::<usize>().ok().and_then(|i| blanks.get(i)).copied().unwrap_or(""));
        rest = tail;
    }
    text.push_str(rest);
    text
}
