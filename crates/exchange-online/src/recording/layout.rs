//! JSON as people read it.

/// Indents JSON; nothing but white space between its tokens is changed. `None` when it is none.
pub(super) fn indented(json: &[u8]) -> Option<String> {
    serde_json::from_slice::<serde::de::IgnoredAny>(json).ok()?;
    let json = std::str::from_utf8(json).ok()?;
    let mut text = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    let mut signs = json.chars().peekable();
    let line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(sign) = signs.next() {
        if in_text {
            text.push(sign);
            match sign {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match sign {
            ' ' | '\t' | '\r' | '\n' => {}
            '"' => {
                in_text = true;
                text.push(sign);
            }
            '{' | '[' => {
                text.push(sign);
                while signs.next_if(|next| next.is_ascii_whitespace()).is_some() {}
                if let Some(end) = signs.next_if(|next| matches!(next, '}' | ']')) {
                    text.push(end);
                } else {
                    depth += 1;
                    line(&mut text, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut text, depth);
                text.push(sign);
            }
            ',' => {
                text.push(sign);
                line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            _ => text.push(sign),
        }
    }
    Some(text)
}
