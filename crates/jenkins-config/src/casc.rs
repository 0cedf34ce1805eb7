//! Variables in configuration as code: `${NAME}` is replaced by Jenkins when it reads the
//! file, and `^${NAME}` is the text `${NAME}`
//! (<https://github.com/jenkinsci/configuration-as-code-plugin/blob/master/docs/features/secrets.adoc>).

/// What Jenkins sees of a value.
///
/// # Errors
/// The first variable in it, whose value only Jenkins knows.
pub fn resolved(value: &str) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = value;
    while let Some(at) = rest.find("${") {
        let Some(before) = rest[..at].strip_suffix('^') else {
            let name = &rest[at + 2..];
            return match name.find('}') {
                Some(end) => Err(name[..end].to_owned()),
                // Without an end it is text.
                None => Ok(text + rest),
            };
        };
        text += before;
        text += "${";
        rest = &rest[at + 2..];
    }
    Ok(text + rest)
}

/// The value that makes Jenkins see a text.
#[must_use]
pub fn escaped(text: &str) -> String {
    text.replace("${", "^${")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_jenkins_own_and_escaped_ones_are_text() {
        assert_eq!(resolved("echo $HOME").as_deref(), Ok("echo $HOME"));
        assert_eq!(resolved("a ^${b} ^${c}").as_deref(), Ok("a ${b} ${c}"));
        assert_eq!(resolved("a ^${b} ${TOKEN}"), Err("TOKEN".into()));
        assert_eq!(resolved("a ${b").as_deref(), Ok("a ${b"));
        assert_eq!(escaped("a ${b}"), "a ^${b}");
        assert_eq!(resolved(&escaped("${a}${b} ^ $")).as_deref(), Ok("${a}${b} ^ $"));
    }
}
