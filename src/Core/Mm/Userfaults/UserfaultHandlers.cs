using System.Collections.Concurrent;

namespace PageTableEmu.Mm.Userfaults;

/// <summary>The handlers that this process attached to userfaultfd contexts: objects, so each process has its own.</summary>
/// <example>
/// <code>
/// machine.Userfaultfd.Open(process, UserfaultFeatures.None);
/// machine.Userfaultfd.Register(process, start, end, UserfaultModes.Missing);
/// machine.Context.Userfaults.Attach(process, machine.Userfaultfd.Queue); // as Userfaultfd.SetHandler
/// UserfaultHandlers handlers = machine.Context.Userfaults;
/// handlers.Detach(process);
/// </code>
/// </example>
public sealed class UserfaultHandlers
{
    private readonly ConcurrentDictionary<uint, IUserfaultHandler> handlers = new();

    /// <summary>Attaches the handler of an address space, in the place of an older one.</summary>
    public void Attach(uint space, IUserfaultHandler handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        handlers[space] = handler;
    }

    /// <summary>Takes the handler of an address space away; its userfaults go to the callers of the accesses again.</summary>
    public void Detach(uint space) => handlers.TryRemove(space, out _);

    /// <summary>Asks the handler of the message's address space; false when there is none.</summary>
    internal bool TryResolve(in UserfaultMessage message) =>
        handlers.TryGetValue(message.Space, out IUserfaultHandler? handler) && handler.TryResolve(message);
}
