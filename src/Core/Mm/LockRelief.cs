using PageTableEmu.Atomics;
using PageTableEmu.Paging;

namespace PageTableEmu.Mm;

/// <summary>
/// Lets go of every lock word that the calling thread holds, for operations that a damaged image ended with an exception: else whoever needs
/// one of them afterwards would wait for ever.
/// </summary>
/// <remarks>
/// The mmap_lock and page-table locks end with their scopes. All others are taken and given back in different places, and a scope around each
/// would cost more than the few exceptions are worth; a lock word names its owner, so here they are looked for. The machine is damaged:
/// references and counts of the operation stay as they were when it broke off.
/// </remarks>
internal static class LockRelief<TArch, TModel>
    where TArch : struct, IArchitecture
    where TModel : IModel
{
    /// <summary>Lets go of all locks of the thread, which is inside no other operation.</summary>
    internal static void LetGo(MmContext<TArch, TModel> mm) => new HeldLocks<TArch, TModel>(mm).Visit(static (ref ulong word, string _, uint? _) =>
    {
        if (WordLock<TModel>.IsHeld(ref word))
            WordLock<TModel>.Release(ref word);
    });
}
