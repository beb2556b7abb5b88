//! Every difference between the two manners, resolved once for each pool.
//!
//! Under `manners: twemproxy` a pool does what twemproxy 0.5.0 did, for clients and tools that rely on
//! it. This file is the whole list: other files read its fields and do not check the manners.

use super::spec::Manners;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// A request that is not served closes the connection. We answer with an error.
    pub closes_on_refusal: bool,
    /// A request that cannot be read is refused before its client is asked for a password. We ask
    /// for the password first.
    pub reads_before_auth: bool,
    /// NOAUTH ends without a full stop. Redis has one.
    pub noauth_without_stop: bool,
    /// AUTH with a wrong password says `ERR invalid password` and undoes an earlier AUTH. We answer
    /// WRONGPASS, as Redis does, and an earlier AUTH stands.
    pub wrong_password_undoes_auth: bool,
    /// QUIT closes without a reply. We answer OK, as Redis does.
    pub quits_in_silence: bool,
    /// A malformed request, or one of another protocol, closes the connection without an error. We
    /// send an error before we close.
    pub closes_on_malformed: bool,
    /// A command that twemproxy sent by its first key goes to that key's owner, even if other keys have
    /// other owners. We answer CROSSSLOT.
    pub sends_unchecked: bool,
    /// Commands about the whole pool are unknown, as they were to twemproxy. We serve them.
    pub refuses_whole_pool: bool,
    /// A script without keys is refused if twemproxy knew its command. We send it.
    pub refuses_keyless_scripts: bool,
    /// A command is cut even if all its keys have one owner. We send it uncut.
    pub cuts_for_one_owner: bool,
    /// If a server answers one part of a cut request with an error, the client gets `Invalid argument`,
    /// and one failed part fails a whole retrieval. We pass the server's error on, and return the items
    /// found.
    pub hides_errors: bool,
    /// The text of a failure is only the system's error. We add the server, and whether the request was
    /// sent.
    pub fails_in_one_word: bool,
    /// `client_connections` is read and ignored. We enforce it.
    pub ignores_client_limit: bool,
    /// A client that there is no room for is closed without a word. We say why, as its server does.
    pub turns_away_in_silence: bool,
}

impl Policy {
    pub const fn of(manners: Manners) -> Policy {
        let is_old = matches!(manners, Manners::Twemproxy);
        Policy {
            closes_on_refusal: is_old,
            reads_before_auth: is_old,
            noauth_without_stop: is_old,
            wrong_password_undoes_auth: is_old,
            quits_in_silence: is_old,
            closes_on_malformed: is_old,
            sends_unchecked: is_old,
            refuses_whole_pool: is_old,
            refuses_keyless_scripts: is_old,
            cuts_for_one_owner: is_old,
            hides_errors: is_old,
            fails_in_one_word: is_old,
            ignores_client_limit: is_old,
            turns_away_in_silence: is_old,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field with the same value under both manners decides nothing.
    #[test]
    fn every_field_differs_between_the_manners() {
        let [modern, twemproxy] = [Manners::Modern, Manners::Twemproxy].map(Policy::of);
        let [modern, twemproxy] = [format!("{modern:#?}"), format!("{twemproxy:#?}")];
        assert!(modern.lines().count() > 3, "a line a field: {modern}");
        for (ours, theirs) in modern.lines().zip(twemproxy.lines()) {
            assert_eq!(ours == theirs, !ours.contains(": "), "{ours}");
        }
    }
}
