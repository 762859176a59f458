namespace PageTableEmu.Mm.Userfaults;

/// <summary>
/// Resolves userfaults inside the access that took them. It is called on the accessing thread, which holds no lock, so it may call every
/// operation of the machine.
/// </summary>
/// <example>
/// <code>
/// sealed class Zeroes(Machine&lt;X64FourLevel&gt; machine) : IUserfaultHandler
/// {
///     public bool TryResolve(in UserfaultMessage message) =>
///         machine.Userfaultfd.ZeroPage(message.Space, message.Address, 4096) is MmResult.Ok or MmResult.Exists;
/// }
/// </code>
/// </example>
public interface IUserfaultHandler
{
    /// <summary>
    /// True when the access is to be tried again: the page is resolved, or somebody else resolved it. False: the access ends, and its caller
    /// gets the message.
    /// </summary>
    bool TryResolve(in UserfaultMessage message);
}
