//! The words of explanations that belong to the mechanism and not to a law, in English and Chinese.

use super::regime::Lang;

macro_rules! phrases {
    ($($name:ident: $en:literal, $zh:literal;)+) => {
        /// The fixed phrases of explanations in one language.
        pub(super) struct Phrases {
            $(pub(super) $name: &'static str),+
        }

        const ENGLISH: Phrases = Phrases { $($name: $en),+ };
        const CHINESE: Phrases = Phrases { $($name: $zh),+ };
    };
}

phrases! {
    question: "May {recipient} get answers of the study `{study}` on {date}, under {regime}?",
        "{date}，依据{regime}，{recipient} 能否取得研究 `{study}` 的结果？";
    yes: "Yes, about people who consented as said below.", "可以，但仅限于已按下列要求同意的个人。";
    yes_without_consent: "Yes: the use rests on another basis than consent.", "可以：该处理不以同意为依据。";
    no: "No. What stands against it is marked `no` below.", "不可以。不符合之处以“否”标出。";
    the_use: "The use", "处理活动";
    action: "Action: {} ({article})", "处理方式：{}（{article}）";
    purpose: "Purpose: {}", "目的：{}";
    basis: "Basis: {} ({article})", "依据：{}（{article}）";
    reads: "Reads: {}", "涉及个人信息：{}";
    sensitive: "{} (sensitive)", "{}（敏感）";
    says: "{article} says: {}", "{article}：{}";
    looked_at: "What was looked at, in this order", "审查事项（按顺序）";
    ok: "ok", "是";
    fails: "no", "否";
    mend: "mend: {}", "改正：{}";
    consents: "What every person must have done", "每位个人须已作出的同意";
    names: "names {} as the one who receives", "指明接收方{}";
    names_handlers: "names {} as the one who processes", "指明处理者{}";
    for_purpose: "for this purpose", "针对本目的";
    lists: "lists {}", "列明{}";
    methods: "lists the methods {}", "列明处理方式{}";
    informed: "after notice {id}, version {versions}", "在告知书 {id}（版本 {versions}）之后";
    own_step: "in a step of its own", "通过独立步骤作出";
    not_pre_ticked: "not pre-ticked", "非默认勾选";
    single: "not bundled with another consent", "未与其他同意捆绑";
    not_gated: "not the price of a service that does not need it", "未作为非必要服务的条件";
    lasts: "not over: without an end of its own it lasts {}", "仍在有效期内：未约定期限的，自同意起{}有效";
    days: "{} days", "{}天";
    cool_down: "not asked for again within {} after she refused", "拒绝后{}内未再次征求";
    not_withdrawn: "and neither refused, withdrawn nor blocked since, at any of the handlers", "此后未在任何处理者处拒绝、撤回或被限制";
    adults: "All people are adults: a statement of the handlers.", "全部个人均为成年人：由处理者声明。";
    ages: "People whose age is not known are out; under {child} a guardian consents.", "年龄不明者不纳入；不满{child}周岁由监护人同意。";
    duties: "What follows from the permit", "许可附带的义务";
    undeclared: "The study does not list what its notice states: {}.", "研究未列明告知书内容：{}。";
    notes: "Notes", "备注";
    marks: "Not read in the law's own text: {}.", "以下并非直接取自法律原文：{}。";
    person: "The person of the file, at {at}", "文件中的个人（截至 {at}）";
    person_in: "She is in.", "纳入。";
    person_out: "She is out.", "不纳入。";
    live: "a live consent", "同意有效";
    denied_anyway: "The use itself is denied, so nobody is in.", "该处理本身不被允许，任何人均不纳入。";
    and: ", ", "、";
    semicolon: "; ", "；";
}

impl Phrases {
    pub(super) const fn of(lang: Lang) -> &'static Self {
        match lang {
            Lang::En => &ENGLISH,
            Lang::Zh => &CHINESE,
        }
    }
}

/// The state of a fact in words; a word of the regime's own vocabularies stays as it is.
pub(super) fn state(word: &str, lang: Lang) -> String {
    const STATES: [(&str, &str, &str); 14] = [
        ("valid", "valid", "有效"),
        ("missing", "missing", "缺失"),
        ("late", "approved only after the use starts", "在处理开始之后才批准"),
        ("expired", "expired or too old", "已过期"),
        ("out-of-scope", "not for this purpose, recipient or data", "未覆盖本目的、接收方或数据"),
        ("complete", "complete", "完整"),
        ("incomplete", "incomplete", "不完整"),
        ("undeclared", "not declared", "未申报"),
        ("unknown", "not known to this regime", "不在本规则词表内"),
        ("unsaid", "not said", "未说明"),
        ("abroad", "abroad", "境外"),
        ("unapproved", "not approved in the contract", "未经合同同意"),
        ("unannounced", "without a notice of the succession", "未告知承继"),
        ("suspended", "suspended", "已暂停"),
    ];
    let known = STATES.iter().find(|(known, ..)| *known == word);
    known.map_or(word, |(_, en, zh)| if lang == Lang::Zh { zh } else { en }).to_owned()
}
